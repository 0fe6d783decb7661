import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { runCloister } from './run-cloister.ts';

let daemon: RunningDaemon;
let directory: string;

/** Runs a command that must succeed and answers what it printed with --json. */
async function json<T>(...args: readonly string[]): Promise<T> {
  const { status, stdout, stderr } = await daemon.cli(...args, '--json');
  expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

beforeAll(async () => {
  daemon = await startDaemon();
  directory = mkdtempSync(join(tmpdir(), 'cloister-function-'));
  writeFileSync(
    join(directory, 'index.mjs'),
    'export const handler = async (event) => { if (event.fail) throw new Error("no"); console.log("seen"); return event; };',
  );
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

describe('cloister against a running daemon', () => {
  it('deploys a directory, and again as an update', async () => {
    const args = ['deploy', directory, '--name', 'echo', '--memory', '256', '--env', 'STAGE=one', '--env', 'LEVEL=2=two'];
    const created = await json<Record<string, unknown>>(...args, '--runtime', 'nodejs24.x', '--handler', 'index.handler');
    expect(created).toMatchObject({
      FunctionName: 'echo',
      MemorySize: 256,
      Environment: { Variables: { STAGE: 'one', LEVEL: '2=two' } },
      State: 'Active',
    });
    const updated = await json<Record<string, unknown>>('deploy', directory, '--name', 'echo', '--timeout', '7');
    expect(updated).toMatchObject({ MemorySize: 256, Timeout: 7, CodeSha256: created['CodeSha256'], LastUpdateStatus: 'Successful' });
    expect(await json<{ FunctionName: string }[]>('function', 'list')).toMatchObject([{ FunctionName: 'echo' }]);
  });

  it('needs runtime and handler for a new function', async () => {
    const { status, stderr } = await daemon.cli('deploy', directory, '--name', 'new');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^cloister: there is no function new yet, so --runtime is needed\n$/);
  });

  it('invokes, and ends with 1 when the function fails', async () => {
    expect(await json('invoke', 'echo', '--payload', '{"a":[1]}', '--log')).toMatchObject({
      statusCode: 200,
      payload: { a: [1] },
      log: expect.stringMatching(/seen\n.*REPORT /s),
    });
    const failed = await daemon.cli('invoke', 'echo', '--payload', '{"fail":true}');
    expect(failed.status).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({ errorType: 'Error', errorMessage: 'no' });
  });

  it('shows logs of all invocations', async () => {
    const { stdout } = await daemon.cli('logs', 'echo');
    expect(stdout.match(/START RequestId: /g)).toHaveLength(2);
    expect(stdout).toMatch(/seen$/m);
  });

  it('lists, inspects and stops execution environments', async () => {
    const [environment] = await json<{ id: string; pids: number[] }[]>('env', 'list');
    expect(Object.keys(environment ?? {}).toSorted()).toEqual(
      ['accountId', 'createdAt', 'driver', 'functionName', 'id', 'memoryMiB', 'pids', 'state', 'version'].toSorted(),
    );
    const { id = '', pids = [] } = environment ?? {};
    expect(pids.length).toBeGreaterThanOrEqual(2);
    const walls = await json<Record<string, Record<string, { value: unknown; readFrom: string }>>>('env', 'inspect', id);
    for (const wall of ['cgroups', 'namespaces', 'seccomp', 'privileges', 'rootfs', 'network', 'tmp']) expect(walls).toHaveProperty(wall);
    for (const name of ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup']) {
      // The numbers are those that any administrator sees: nsfs gives each namespace its inode.
      expect(walls['namespaces']?.[name]?.value).toBe(statSync(`/proc/${pids.at(-1)}/ns/${name}`).ino);
      expect(walls['namespaces']?.[name]?.value).not.toBe(statSync(`/proc/self/ns/${name}`).ino);
    }
    expect(await json('env', 'stop', id)).toEqual({ stopped: id });
    expect(await json('env', 'list')).toEqual([]);
  });

  it('shows both processes, and the runtimes', async () => {
    const status = await json<{ pid: number; daemonPid: number }>('status');
    expect(status.pid).toBe(daemon.pid);
    expect(statSync(`/proc/${status.daemonPid}`).uid).not.toBe(0);
    expect(await json('runtime', 'list')).toContainEqual(expect.objectContaining({ name: 'nodejs24.x', base: expect.stringContaining('Debian') }));
  });

  it('refuses a second daemon on the same data directory by the pid that holds it', async () => {
    for (const detach of [[], ['--detach']]) {
      const { status, stderr } = await daemon.cli('up', '--listen', '127.0.0.1:0', ...detach);
      expect(status).toBe(1);
      expect(stderr).toContain(`pid ${daemon.pid}`);
    }
  });

  it('deletes a function', async () => {
    expect(await json('function', 'delete', 'echo')).toEqual({ deleted: 'echo' });
    const { status, stderr } = await daemon.cli('invoke', 'echo');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^cloister: ResourceNotFoundException: .*\n$/);
  });
});

describe('cloister up --detach and down', () => {
  it('leaves a daemon running, and ends it', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-detached-'));
    try {
      const up = await runCloister(['up', '--detach', '--json', '--listen', '127.0.0.1:0', '--data-dir', dataDirectory]);
      expect(up.status).toBe(0);
      const ready = JSON.parse(up.stdout) as { pid: number };
      expect(Object.keys(ready)).toEqual(['endpoint', 'region', 'accountId', 'accessKeyId', 'secretAccessKey', 'dataDir', 'pid']);
      expect(statSync(join(dataDirectory, 'credentials')).mode & 0o777).toBe(0o600);
      expect((await runCloister(['status', '--data-dir', dataDirectory])).status).toBe(0);
      const down = await runCloister(['down', '--data-dir', dataDirectory, '--json']);
      expect(JSON.parse(down.stdout)).toMatchObject({ stopped: true, pid: ready.pid });
      expect((await runCloister(['status', '--data-dir', dataDirectory])).status).toBe(3);
    } finally {
      await runCloister(['down', '--data-dir', dataDirectory]);
      rmSync(dataDirectory, { recursive: true, force: true });
    }
  });
});
