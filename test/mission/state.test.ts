/**
 * "Storage and state" of AWS's "Security Overview of AWS Lambda" (chapter "Lambda isolation technologies"), sentence by sentence, against the real
 * daemon and driver. STATE_SOAK_SECONDS makes the soak longer than its short form: 600 by hand.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, readlinkSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type LambdaClient, PublishVersionCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { AgentClient } from '../../src/agent/agent-client.ts';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { dataExtents } from '../../src/linux/data-extents.ts';
import { closeAll } from '../../src/linux/descriptor.ts';
import { LivingEnvironments } from '../conformance/harness/living-environments.ts';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';
import { publicAddress, World } from '../privileged/network/world.ts';
import { startAgentUnderTest } from '../privileged/raw-daemon.ts';
import { linkRuntimes } from '../runtimes.ts';
import { functionVersion } from '../support/function-version.ts';
import { composeRig } from '../support/reuse-rig.ts';
import { type State, type StatefulLanguage, statefulLanguages } from './stateful-functions.ts';

const soakSeconds = Number(process.env['STATE_SOAK_SECONDS'] ?? 10);
const otherAccount = '210987654321';

interface Listed {
  readonly id: string;
  readonly accountId: string;
  readonly functionName: string;
  readonly version: string;
}

let daemon: RunningDaemon;
let admin: AdminClient;
let living: LivingEnvironments;
let lambda: LambdaClient;
let tenant: LambdaClient;

beforeAll(async () => {
  daemon = await startDaemon();
  admin = new AdminClient({ ...daemon.credentials, credentials: daemon.credentials });
  living = new LivingEnvironments(daemon.dataDir);
  lambda = daemon.lambda();
  const created = (await admin.post('credentials', { accountId: otherAccount })) as Credentials;
  tenant = daemon.lambda({ ...daemon.credentials, ...created });
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

async function stateOf(name: string, event: object = {}, { client = lambda, qualifier }: { client?: LambdaClient; qualifier?: string } = {}) {
  const { value, functionError } = await invoke(client, name, event, qualifier);
  expect(functionError, JSON.stringify(value)).toBeUndefined();
  return value as State;
}

async function environmentsOf(name: string): Promise<readonly Listed[]> {
  const { environments } = (await admin.get('environments')) as { environments: Listed[] };
  return environments.filter(({ functionName }) => functionName === name);
}

async function stopEnvironmentsOf(name: string): Promise<void> {
  for (const { id } of await environmentsOf(name)) await admin.post(`environments/${id}/stop`);
}

/** What the kernel keeps apart for an environment, read at its first process from outside. */
function kernelIdentity(environmentId: string): Readonly<Record<string, string>> {
  const [pid] = living.pids(environmentId);
  const namespaces = ['mnt', 'net', 'pid', 'ipc', 'uts', 'user', 'cgroup'].map((kind) => [kind, readlinkSync(`/proc/${pid}/ns/${kind}`)]);
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
  const tmp = mounts.map((line) => line.split(' ')).find((fields) => fields[4] === '/tmp');
  return { ...Object.fromEntries(namespaces), tmpDevice: tmp?.[2] ?? '', uidMap: readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim() };
}

/** Nothing that the kernel gives one of them is also the other's. */
function expectApart(ids: readonly string[]): void {
  const identities = ids.map(kernelIdentity);
  for (const key of Object.keys(identities[0] ?? {})) expect(new Set(identities.map((identity) => identity[key])).size, key).toBe(ids.length);
}

/** The file behind an environment's /tmp, by the loop device that the kernel says it is mounted from. */
function volumeOf(environmentId: string): string {
  return readFileSync(`/sys/dev/block/${kernelIdentity(environmentId)['tmpDevice']}/loop/backing_file`, 'utf8').trim();
}

function readPart(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(descriptor, bytes, 0, length, position);
  return bytes;
}

const nameOf = (what: string, { runtime }: StatefulLanguage) => `${what}-${runtime.replaceAll('.', '-')}`;

describe.each(statefulLanguages)('state of a function of $runtime', (language) => {
  const { runtime, files } = language;

  it('"execution environments are never reused across different function versions"', async () => {
    const name = nameOf('versions', language);
    await deploy(lambda, { name, runtime, files });
    await lambda.send(new PublishVersionCommand({ FunctionName: name }));
    // The second version's code differs by a comment, no more.
    const [[file = '', code = ''] = []] = Object.entries(files);
    const changed = { [file]: `${code}\n${runtime.startsWith('python') ? '#' : '//'} changed\n` };
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: await zip(changed) }));
    await lambda.send(new PublishVersionCommand({ FunctionName: name }));
    const versions = ['1', '2', '$LATEST'];
    const seen = new Map<string, State>();
    for (let round = 1; round <= 3; round += 1) {
      for (const qualifier of versions) {
        const state = await stateOf(name, { mark: `of ${qualifier}` }, { qualifier });
        expect(state).toMatchObject({ version: qualifier, count: round, found: round === 1 ? null : `of ${qualifier}` });
        expect(state.birth).toBe(seen.get(qualifier)?.birth ?? state.birth);
        seen.set(qualifier, state);
      }
    }
    expect(new Set([...seen.values()].map(({ birth }) => birth)).size).toBe(3);
    const environments = await environmentsOf(name);
    expect(environments.map(({ version }) => version).toSorted()).toEqual(versions.toSorted());
    expectApart(environments.map(({ id }) => id));
  });

  it('"… or customers": two accounts with identical code share nothing', async () => {
    const name = nameOf('customers', language);
    for (const client of [lambda, tenant]) await deploy(client, { name, runtime, files });
    for (let round = 1; round <= 3; round += 1) {
      for (const [client, whose] of [
        [lambda, 'ours'],
        [tenant, 'theirs'],
      ] as const) {
        expect(await stateOf(name, { mark: whose }, { client })).toMatchObject({ count: round, found: round === 1 ? null : whose });
      }
    }
    const environments = await environmentsOf(name);
    expect(environments.map(({ accountId }) => accountId).toSorted()).toEqual(['123456789012', otherAccount]);
    expectApart(environments.map(({ id }) => id));
  });

  it('"a single environment can be reused between invocations of the same function version": data and state persist between them', async () => {
    const name = nameOf('reused', language);
    await deploy(lambda, { name, runtime, files });
    const first = await stateOf(name, { mark: 'data' });
    expect(await stateOf(name)).toEqual({ ...first, count: 2, found: 'data' });
    expect(await environmentsOf(name)).toHaveLength(1);
  });

  it('"these multiple invocations are handled by a single process": its static state serves them all', async () => {
    const name = nameOf('static', language);
    await deploy(lambda, { name, runtime, files });
    const first = await stateOf(name);
    const [{ id } = { id: '' }] = await environmentsOf(name);
    const processes = living.pids(id);
    for (let count = 2; count <= 50; count += 1) expect(await stateOf(name)).toEqual({ ...first, count });
    // The kernel's word: no process of it has been replaced.
    expect(living.pids(id)).toEqual(processes);
  });

  it('"this storage is not accessible or shared across execution environments", not even of the same version', async () => {
    const name = nameOf('storage', language);
    await deploy(lambda, { name, runtime, files });
    const states = await Promise.all(['one', 'two', 'three'].map((mark) => stateOf(name, { mark, waitMs: 1_500 })));
    expect(new Set(states.map(({ birth }) => birth)).size).toBe(3);
    expect(states.map(({ found }) => found)).toEqual([null, null, null]);
    const again = await Promise.all([1, 2, 3].map(() => stateOf(name, { waitMs: 1_500 })));
    const markOf = new Map(states.map(({ birth }, index) => [birth, ['one', 'two', 'three'][index]]));
    for (const { birth, found } of again) expect(found).toBe(markOf.get(birth));
    expectApart((await environmentsOf(name)).map(({ id }) => id));
  });

  it('"files written to /tmp remain for the lifetime of the execution environment": through a time-out, with a new process', async () => {
    const name = nameOf('timeout', language);
    await deploy(lambda, { name, runtime, files, Timeout: 3 });
    const before = await stateOf(name, { mark: 'kept' });
    const [environment] = await environmentsOf(name);
    const timedOut = await invoke(lambda, name, { waitMs: 20_000 });
    expect(timedOut.value).toMatchObject({ errorType: 'Sandbox.Timedout' });
    const after = await stateOf(name);
    expect(after).toMatchObject({ count: 1, found: 'kept', stream: before.stream });
    expect(after.birth).not.toBe(before.birth);
    expect((await environmentsOf(name)).map(({ id }) => id)).toEqual([environment?.id]);
  });

  it('… and no longer than that', async () => {
    const name = nameOf('lifetime', language);
    await deploy(lambda, { name, runtime, files });
    const before = await stateOf(name, { mark: 'gone' });
    await stopEnvironmentsOf(name);
    const after = await stateOf(name);
    expect(after).toMatchObject({ count: 1, found: null });
    expect(after.birth).not.toBe(before.birth);
    expect(after.stream).not.toBe(before.stream);
  });

  it('"create distinct functions for each state": functions with the same code in one account have distinct state', async () => {
    const names = ['a', 'b'].map((which) => nameOf(`distinct-${which}`, language));
    for (const name of names) await deploy(lambda, { name, runtime, files });
    for (let round = 1; round <= 3; round += 1) {
      for (const name of names) expect(await stateOf(name, { mark: name })).toMatchObject({ count: round, found: round === 1 ? null : name });
    }
    expectApart((await Promise.all(names.map(environmentsOf))).flat().map(({ id }) => id));
  });
});

it('"the /tmp directory is … encrypted at rest": what a function wrote is not in its volume', async () => {
  const [language] = statefulLanguages as [StatefulLanguage];
  const name = 'encrypted';
  const mark = 'a sentence that is nowhere else on this host '.repeat(20_000);
  await deploy(lambda, { name, ...language });
  await stateOf(name, { mark });
  expect((await stateOf(name)).found).toBe(mark);
  const [environment] = await environmentsOf(name);
  const volume = openSync(volumeOf(environment?.id ?? ''), 'r');
  try {
    // What is in the page cache still, above and below the loop device, is written out for it.
    execFileSync('sync', ['--file-system', `/proc/${living.pids(environment?.id ?? '')[0]}/root/tmp`]);
    fsyncSync(volume);
    const bytes = Buffer.concat(dataExtents(volume).map(({ offset, length }) => readPart(volume, offset, length)));
    // It holds what the function wrote, in a form that is not what the function wrote.
    expect(bytes.length).toBeGreaterThan(mark.length);
    expect(bytes.includes('nowhere else on this host')).toBe(false);
  } finally {
    closeSync(volume);
  }
});

describe('"keeping and reusing … long-lived connections between invocations"', () => {
  it.each(statefulLanguages)(
    'a connection opened in one invocation works in the next ($runtime)',
    { timeout: 90_000 },
    async ({ runtime, files }) => {
      await using world = await World.make();
      const dataDir = mkdtempSync(join(tmpdir(), 'cloister-state-'));
      try {
        writeFileSync(join(dataDir, 'config.json'), JSON.stringify({ isolation: { egress: { default: 'public' } } }), { mode: 0o600 });
        await using inside = await startDaemon({ dataDir, network: world.host.pid as number });
        const source = join(dataDir, 'function');
        execFileSync('mkdir', [source]);
        for (const [name, text] of Object.entries(files)) writeFileSync(join(source, name), text);
        const deployed = await inside.cli('deploy', source, '--name', 'connected', '--runtime', runtime, '--handler', 'index.handler');
        expect(deployed.status, deployed.stderr).toBe(0);
        const event = JSON.stringify({ server: { host: publicAddress, port: 7777 } });
        const call = async () => {
          const { stdout, stderr } = await inside.cli('invoke', 'connected', '--payload', event);
          expect(stderr).not.toMatch(/Unhandled/);
          return JSON.parse(stdout) as { birth: string; count: number; line: string };
        };
        const { birth } = await call();
        // Seconds lie between them, in which the environment is frozen.
        for (const count of [2, 3, 4]) expect(await call()).toEqual({ birth, count, line: String(count) });
        expect(world.contactsOf({ port: 7777, protocol: 'tcp' })).toHaveLength(1);
      } finally {
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
  );
});

describe('"data and/or state may continue to persist for hours"', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-hours-'));
  const accountId = '123456789012';
  const idleTimeoutMs = 900_000;
  let client: AgentClient;
  let codeDigest: string;
  let end: () => Promise<void>;

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    const { agent, control, descriptors } = startAgentUnderTest(dataDirectory);
    const exited = once(agent, 'exit');
    client = new AgentClient({ control, descriptors, onGone: () => undefined });
    end = async () => {
      client.close();
      await exited;
      closeAll(descriptors);
    };
    const binary = join(dataDirectory, 'mark');
    const source = fileURLToPath(new URL('../privileged/programs/mark.c', import.meta.url));
    execFileSync('gcc', ['-static', '-O2', '-D_GNU_SOURCE', '-o', binary, source]);
    codeDigest = (await client.buildImage(await zip({ bootstrap: readFileSync(binary) }), { accountId, maxUnpackedBytes: 10_000_000 })).digest;
  });
  afterAll(async () => {
    await end?.();
    rmSync(dataDirectory, { recursive: true, force: true });
  });

  it('on a clock that the test moves, over the real driver: for nearly eight hours, and not beyond the idle time-out', {
    timeout: 120_000,
  }, async () => {
    const environments = new LivingEnvironments(dataDirectory);
    const rig = composeRig(client, {
      runtime: 'provided.al2023',
      maxEnvironments: 3,
      codeDigest: () => codeDigest,
      living: () => environments.ids().length,
      kill: () => Promise.reject(new Error('nobody is killed here')),
    });
    const fn = functionVersion({ accountId, functionName: 'hours', runtime: 'provided.al2023', codeDigest, environment: { OWNER: 'hours' } });
    const call = async () => {
      const request = { requestId: randomUUID(), function: fn, invokedFunctionArn: fn.functionArn, payload: Buffer.from('{}'), logTail: true };
      const { payload, functionError } = await rig.invoker.invoke(request);
      expect(functionError).toBeUndefined();
      return JSON.parse(String(payload)) as { memory: string; tmp: string };
    };
    const first = await call();
    for (let minutes = 14; minutes < 7 * 60 + 50; minutes += 14) {
      rig.clock.advance(14 * 60_000);
      expect(await call()).toEqual(first);
    }
    expect(rig.living()).toBe(1);
    rig.clock.advance(idleTimeoutMs + 1);
    await expect.poll(() => rig.living()).toBe(0);
    const later = await call();
    expect(later.memory).not.toBe(first.memory);
    expect(later.tmp).not.toBe(first.tmp);
    await rig.invoker.stop(0);
    expect(rig.problems).toEqual([]);
  });
});

it(`state lasts: ${soakSeconds} s of invocations with idle times between them`, { timeout: (soakSeconds + 60) * 1_000 }, async () => {
  const functions = statefulLanguages.map((language) => ({ name: nameOf('lasting', language), ...language }));
  for (const { name, runtime, files } of functions) await deploy(lambda, { name, runtime, files });
  const first = await Promise.all(functions.map(({ name }) => stateOf(name, { mark: name })));
  const untilMs = performance.now() + soakSeconds * 1_000;
  let count = 1;
  while (performance.now() < untilMs) {
    // From at once to half a minute in the long form, so that it is frozen for longer and longer.
    await delay((soakSeconds * 50 * (count % 10)) / 10);
    count += 1;
    const states = await Promise.all(functions.map(({ name }) => stateOf(name)));
    expect(states).toEqual(first.map((state, index) => ({ ...state, count, found: functions[index]?.name })));
  }
  expect(count).toBeGreaterThan(10);
});
