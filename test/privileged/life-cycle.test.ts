import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, type LambdaClient, PublishLayerVersionCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';
import { ControlGroupFiles } from './control-group-files.ts';

/** A recorder: says in the log, and in /tmp, what it is told; takes its time when asked to. */
const extension = `#!/var/lang/bin/node
const { appendFileSync, existsSync } = require('node:fs');
const { basename } = require('node:path');
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2020-01-01/extension/';
async function main() {
  const name = basename(process.argv[1]);
  const registered = await fetch(api + 'register', {
    method: 'POST', headers: { 'Lambda-Extension-Name': name }, body: JSON.stringify({ events: ['INVOKE', 'SHUTDOWN'] }),
  });
  const identifier = registered.headers.get('lambda-extension-identifier');
  for (;;) {
    const event = await (await fetch(api + 'event/next', { headers: { 'Lambda-Extension-Identifier': identifier } })).json();
    if (event.eventType === 'SHUTDOWN') {
      const line = 'extension told ' + event.shutdownReason + ' with ' + Math.round((event.deadlineMs - Date.now()) / 1000) + ' s left';
      appendFileSync('/tmp/ends', line + '\\n');
      console.log(line);
      return;
    }
    if (existsSync('/tmp/slow')) await new Promise((resolve) => setTimeout(resolve, 700));
  }
}
main();
`;

const handler = `
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const born = Math.random();
let count = 0;
process.on('SIGTERM', () => {
  appendFileSync('/tmp/ends', 'runtime terminated\\n');
  console.log('runtime terminated');
  process.exit(0);
});
exports.handler = async (event) => {
  count += 1;
  const ends = existsSync('/tmp/ends') ? readFileSync('/tmp/ends', 'utf8') : '';
  if (event.write) writeFileSync('/tmp/' + event.write, 'kept');
  if (event.do === 'hang') await new Promise((resolve) => setTimeout(resolve, 60_000));
  if (event.do === 'exit') process.exit(1);
  return { born, count, ends, kept: existsSync('/tmp/kept') };
};
`;

/** Notes when it runs, each millisecond, whatever it is asked. */
const ticker = `
let last = performance.now();
let returned = 0;
let stops = [];
setInterval(() => {
  const now = performance.now();
  if (now - last > 30) stops.push({ ranOnMs: Math.max(0, last - returned), stoodMs: now - last });
  last = now;
}, 1);
exports.handler = async (event) => {
  if (event.do === 'stops') return stops;
  const until = performance.now() + (event.ms ?? 0);
  while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
  returned = performance.now();
  return { wall: Date.now(), monotonic: performance.now() };
};
`;

interface Counted {
  readonly born: number;
  readonly count: number;
  readonly ends: string;
  readonly kept: boolean;
}

interface Listed {
  readonly id: string;
  readonly functionName: string;
  readonly state: string;
  readonly pids: readonly number[];
}

/** As the kernel says. */
function becomesFrozen(group: ControlGroupFiles): Promise<void> {
  return expect.poll(() => group.read('freezer', 'freezer.state', 'cgroup.events'), { interval: 5 }).toMatch(/^FROZEN$|^frozen 1$/m);
}

describe('the life of an execution environment', () => {
  let daemon: RunningDaemon;
  let lambda: LambdaClient;
  let admin: AdminClient;

  beforeAll(async () => {
    daemon = await startDaemon();
    lambda = daemon.lambda();
    admin = new AdminClient({ ...daemon.credentials, credentials: daemon.credentials });
    const content = { ZipFile: await zip({ 'extensions/recorder': extension }) };
    const layer = await lambda.send(new PublishLayerVersionCommand({ LayerName: 'recorder', Content: content }));
    const node = { runtime: 'nodejs24.x', MemorySize: 1_769 };
    await deploy(lambda, { ...node, name: 'ticker', files: { 'index.js': ticker } });
    await deploy(lambda, { ...node, name: 'watched', files: { 'index.js': handler }, Layers: [layer.LayerVersionArn ?? ''], Timeout: 2 });
  });
  afterAll(() => daemon[Symbol.asyncDispose]());

  async function environmentOf(functionName: string): Promise<Listed> {
    const { environments } = (await admin.get('environments')) as { environments: Listed[] };
    const found = environments.find((listed) => listed.functionName === functionName);
    if (found === undefined) throw new Error(`${functionName} has no environment`);
    return found;
  }

  async function groupOf(functionName: string): Promise<ControlGroupFiles> {
    return ControlGroupFiles.of((await environmentOf(functionName)).pids[0] ?? 0);
  }

  /** An invocation that comes sooner finds another environment. */
  function becomesFree(functionName: string): Promise<void> {
    return expect.poll(async () => (await environmentOf(functionName)).state, { interval: 20, timeout: 5_000 }).toBe('claimed');
  }

  async function stop(functionName: string): Promise<void> {
    await admin.post(`environments/${(await environmentOf(functionName)).id}/stop`);
  }

  const counted = async (event: unknown = {}): Promise<Counted> => (await invoke(lambda, 'watched', event)).value as Counted;

  async function logOf(name: string): Promise<string> {
    return (await daemon.cli('logs', name)).stdout;
  }

  it('uses no processor time at all between invocations, in processes that would', async () => {
    await invoke(lambda, 'ticker');
    const group = await groupOf('ticker');
    await becomesFrozen(group);
    expect((await environmentOf('ticker')).state).toBe('frozen');
    const before = group.cpuSeconds();
    await sleep(2_000);
    expect(group.cpuSeconds()).toBe(before);
    // They would have: the same processes while an invocation runs.
    await invoke(lambda, 'ticker', { ms: 200 });
    expect(group.cpuSeconds()).toBeGreaterThan(before + 0.01);
  });

  it('stops within 5 ms of the end of an invocation', async () => {
    const group = await groupOf('ticker');
    for (let round = 0; round < 15; round += 1) {
      await invoke(lambda, 'ticker');
      await becomesFrozen(group);
      await sleep(40);
    }
    const stops = (await invoke(lambda, 'ticker', { do: 'stops' })).value as { ranOnMs: number; stoodMs: number }[];
    expect(stops.length).toBeGreaterThanOrEqual(10);
    const ranOn = stops.map(({ ranOnMs }) => ranOnMs).toSorted((one, other) => one - other);
    // A busy host is late now and then; a daemon that waits for something is late each time.
    expect(ranOn[Math.floor(ranOn.length / 4)], `ran on for ${ranOn.map((ms) => ms.toFixed(1)).join(' ')} ms`).toBeLessThanOrEqual(5);
  });

  it('goes on where it was, with the clocks of the world', async () => {
    const first = (await invoke(lambda, 'ticker')).value as { wall: number; monotonic: number };
    await becomesFrozen(await groupOf('ticker'));
    await sleep(500);
    const second = (await invoke(lambda, 'ticker')).value as { wall: number; monotonic: number };
    expect(second.monotonic - first.monotonic).toBeGreaterThanOrEqual(500);
    expect(Math.abs(second.wall - first.wall - (second.monotonic - first.monotonic))).toBeLessThan(100);
  });

  it('is ended while it is frozen as at any other time', async () => {
    await invoke(lambda, 'ticker');
    const { pids } = await environmentOf('ticker');
    await becomesFrozen(await groupOf('ticker'));
    await stop('ticker');
    for (const pid of pids) expect(() => readFileSync(`/proc/${pid}/status`), String(pid)).toThrow(/ENOENT|ESRCH/);
  });

  it('answers when the runtime does, and is over when the extension is', async () => {
    await counted({ write: 'slow' });
    const startedMs = performance.now();
    await lambda.send(new InvokeCommand({ FunctionName: 'watched', Payload: '{}' }));
    const waitedMs = performance.now() - startedMs;
    await becomesFrozen(await groupOf('watched'));
    const durations = [...(await logOf('watched')).matchAll(/\tDuration: (\S+) ms/g)].map(([, ms]) => Number(ms));
    expect(durations.at(-1)).toBeGreaterThanOrEqual(700);
    expect(waitedMs).toBeLessThan(700);
    await stop('watched');
  });

  it('resets after a time-out and a crash: runtime terminated, extension told why, new processes, the same /tmp', async () => {
    const first = await counted({ write: 'kept' });
    expect(first).toMatchObject({ count: 1, ends: '' });
    expect((await invoke(lambda, 'watched', { do: 'hang' })).value).toMatchObject({ errorType: 'Sandbox.Timedout' });
    await becomesFree('watched');
    const second = await counted();
    expect(second).toMatchObject({ count: 1, kept: true, ends: 'runtime terminated\nextension told timeout with 2 s left\n' });
    expect(second.born).not.toBe(first.born);
    expect((await invoke(lambda, 'watched', { do: 'exit' })).value).toMatchObject({ errorType: 'Runtime.ExitError' });
    await becomesFree('watched');
    expect((await counted()).ends).toBe(`${second.ends}extension told failure with 2 s left\n`);
  });

  it('ends with a spindown, which the log tells of', async () => {
    await counted();
    await becomesFrozen(await groupOf('watched'));
    await stop('watched');
    const log = await logOf('watched');
    expect(log.trimEnd().split('\n').slice(-2).join('\n')).toMatch(/runtime terminated\n.*extension told spindown with 2 s left$/);
    expect(log).toContain('EXTENSION\tName: recorder\tState: Ready\tEvents: [INVOKE,SHUTDOWN]');
  });

  it('ends so, too, when Cloister stops', async () => {
    await counted();
    await becomesFrozen(await groupOf('watched'));
    const before = spindowns(daemon.dataDir);
    expect(await daemon.stop()).toBe(0);
    expect(spindowns(daemon.dataDir)).toBe(before + 1);
  });
});

/** Told in the log files of a data directory. */
function spindowns(dataDir: string): number {
  const logs = join(dataDir, 'logs');
  const files = readdirSync(logs, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
  return texts.join('').match(/extension told spindown/g)?.length ?? 0;
}

describe('a frozen environment whose host agent is killed', () => {
  it('is thawed by the daemon, so that its PID 1 sees that and ends it', async () => {
    await using daemon = await startDaemon();
    const lambda = daemon.lambda();
    await deploy(lambda, { name: 'ticker', runtime: 'nodejs24.x', files: { 'index.js': ticker } });
    await invoke(lambda, 'ticker');
    const admin = new AdminClient({ ...daemon.credentials, credentials: daemon.credentials });
    const { environments } = (await admin.get('environments')) as { environments: Listed[] };
    const pids = environments.flatMap((environment) => environment.pids);
    expect(pids.length).toBeGreaterThan(1);
    await becomesFrozen(ControlGroupFiles.of(pids[0] ?? 0));
    daemon.agent.kill('SIGKILL');
    await expect.poll(() => pids.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 10_000 }).toEqual([]);
  });
});
