import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

const bootstrap = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  id=$(curl -s -D - -o /tmp/event "$api/next" | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
  curl -s -o /dev/null -d '"ok"' "$api/$id/response"
done
`;

/** What the kernel says there is, and what could be had now. */
const memoryMiB = (field: 'MemTotal' | 'MemAvailable') =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) / 1_024;

/** 4 GiB that another process of the host holds until the disposal. */
async function hold(): Promise<AsyncDisposable> {
  const script = 'const held = Array.from({ length: 16 }, () => Buffer.alloc(1 << 28, 1)); console.log(held.length); setInterval(() => held, 1e6);';
  const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  return {
    [Symbol.asyncDispose]: async () => {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    },
  };
}

/** Admission against the memory that the host really has, with a reserve that leaves less of it than the machine would. */
describe('the host’s budget', () => {
  const directories: string[] = [];
  const daemons: RunningDaemon[] = [];

  afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon[Symbol.asyncDispose]();
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });

  async function start(host: Readonly<Record<string, number>>): Promise<RunningDaemon> {
    const dataDir = mkdtempSync(join(tmpdir(), 'cloister-budget-'));
    directories.push(dataDir);
    writeFileSync(join(dataDir, 'config.json'), JSON.stringify({ host }), { mode: 0o600 });
    const daemon = await startDaemon({ dataDir });
    daemons.push(daemon);
    return daemon;
  }

  const living = async (daemon: RunningDaemon) =>
    (JSON.parse((await daemon.cli('env', 'list', '--json')).stdout) as { functionName: string }[]).map(({ functionName }) => functionName);
  const status = async (daemon: RunningDaemon) => JSON.parse((await daemon.cli('status', '--json')).stdout);

  it('ends the idle environment used longest ago when another needs the room, and admits by use, not by limits', async () => {
    // Each is expected to take a quarter of its 8,192 MiB: there is room for two of them, not for three. One alone must fit into all but the reserve.
    await using _held = await hold();
    const daemon = await start({ memoryReserveMiB: Math.floor(memoryMiB('MemAvailable') - 5_000) });
    const lambda = daemon.lambda();
    for (const name of ['first', 'second', 'third']) {
      await deploy(lambda, { name, runtime: 'provided.al2023', files: { bootstrap }, MemorySize: 8_192 });
      expect((await invoke(lambda, name)).value).toBe('ok');
    }
    expect((await living(daemon)).toSorted()).toEqual(['second', 'third']);
    const { memoryOvercommit, diskOvercommit, memory, pressure } = await status(daemon);
    expect(memory.promisedMiB).toBe(2 * 8_192);
    expect(memoryOvercommit).toBeCloseTo((2 * 8_192) / (memory.totalMiB - memory.reserveMiB), 1);
    expect(memoryOvercommit).toBeGreaterThan(1);
    expect(diskOvercommit).toBeGreaterThan(0);
    expect(Object.keys(pressure)).toEqual(existsSync('/proc/pressure') ? ['cpu', 'memory', 'io'] : []);
  });

  it('starts none below the reserve: the client is told as Lambda tells it, and the daemon goes on', async () => {
    const daemon = await start({ memoryReserveMiB: Math.floor(memoryMiB('MemTotal') - 200) });
    const lambda = daemon.lambda();
    await deploy(lambda, { name: 'late', runtime: 'provided.al2023', files: { bootstrap } });
    await expect(invoke(lambda, 'late')).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      $metadata: { httpStatusCode: 429 },
      Reason: 'ConcurrentInvocationLimitExceeded',
    });
    expect(await living(daemon)).toEqual([]);
    expect(await status(daemon)).toMatchObject({ status: 'serving', memoryOvercommit: 0 });
  });

  it('ends idle environments while the reserve is being used up by others', async () => {
    const daemon = await start({ memoryReserveMiB: Math.floor(memoryMiB('MemAvailable') - 1_000) });
    const lambda = daemon.lambda();
    await deploy(lambda, { name: 'idle', runtime: 'provided.al2023', files: { bootstrap } });
    await invoke(lambda, 'idle');
    expect(await living(daemon)).toEqual(['idle']);
    await using _held = await hold();
    await expect.poll(() => living(daemon), { timeout: 10_000, interval: 200 }).toEqual([]);
    await expect(invoke(lambda, 'idle')).rejects.toMatchObject({ name: 'TooManyRequestsException' });
  });
});
