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

  it('publishes versions, and shares invocations between two by an alias', async () => {
    expect(await json('version', 'publish', 'echo', '--description', 'first')).toMatchObject({ Version: '1', Description: 'first', State: 'Active' });
    await json('function', 'update', 'echo', '--set-env', 'EDITION=2');
    expect(await json('version', 'publish', 'echo')).toMatchObject({ Version: '2' });
    expect(await json('version', 'list', 'echo')).toMatchObject([{ Version: '$LATEST' }, { Version: '1' }, { Version: '2' }]);
    await json('alias', 'create', 'echo', 'live', '--version', '1', '--weight', '2=25%');
    expect(await json('alias', 'show', 'echo', 'live')).toMatchObject({
      FunctionVersion: '1',
      RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } },
    });
    await json('alias', 'update', 'echo', 'live', '--version', '2', '--no-weight');
    expect(await json('alias', 'list', 'echo', '--version', '2')).toMatchObject([{ Name: 'live', FunctionVersion: '2' }]);
    expect(await json('invoke', 'echo', '--qualifier', 'live')).toMatchObject({ executedVersion: '2' });
    const refused = await daemon.cli('version', 'delete', 'echo', '2');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/^cloister: ResourceConflictException: .*\n$/) });
    await json('alias', 'delete', 'echo', 'live');
    expect(await json('version', 'delete', 'echo', '1')).toEqual({ deleted: 'echo', qualifier: '1' });
  });

  it('changes single variables and shows everything about a function', async () => {
    await json('function', 'update', 'echo', '--unset-env', 'EDITION', '--set-env', 'STAGE=two', '--memory', '192');
    const shown = await json<{ Configuration: object; Code: { Location: string } }>('function', 'show', 'echo');
    expect(shown.Configuration).toMatchObject({ MemorySize: 192, Environment: { Variables: { STAGE: 'two', LEVEL: '2=two' } } });
    expect((await fetch(shown.Code.Location)).headers.get('content-type')).toBe('application/zip');
    await json('function', 'tag', 'echo', 'team=shop', 'stage=test');
    expect(await json('function', 'tag', 'echo', '--remove', 'stage')).toEqual({ team: 'shop' });
  });

  it('publishes a layer, uses it, and shares it', async () => {
    const layer = await json<{ LayerVersionArn: string }>('layer', 'publish', directory, '--name', 'parts', '--runtime', 'nodejs24.x');
    await json('function', 'update', 'echo', '--layer', layer.LayerVersionArn);
    expect(await json('function', 'list')).toMatchObject([{ Layers: [{ Arn: layer.LayerVersionArn }] }]);
    expect(await json('layer', 'list', '--runtime', 'nodejs24.x')).toMatchObject([{ LayerName: 'parts', LatestMatchingVersion: { Version: 1 } }]);
    expect(await json('layer', 'show', 'parts:1')).toMatchObject({ CompatibleRuntimes: ['nodejs24.x'] });
    expect(await json('layer', 'permission', 'list', 'parts:1')).toBeNull();
    await json('layer', 'permission', 'add', 'parts:1', 'shop', '--principal', '210987654321');
    expect(await json('layer', 'permission', 'list', layer.LayerVersionArn)).toMatchObject({ Statement: [{ Sid: 'shop' }] });
    expect(await json('layer', 'permission', 'remove', 'parts:1', 'shop')).toEqual({ removed: 'shop' });
    expect(await json('function', 'update', 'echo', '--no-layers')).not.toHaveProperty('Layers');
    expect(await json('layer', 'delete', 'parts:1')).toEqual({ deleted: 'parts', version: 1 });
    expect(await json('layer', 'versions', 'parts')).toEqual([]);
  });

  it('lets another account invoke, and takes that back', async () => {
    await json('credentials', 'create', '--account', '210987654321');
    const { FunctionArn } = await json<{ FunctionArn: string }>('function', 'update', 'echo', '--memory', '128');
    const asTenant = ['invoke', FunctionArn, '--account', '210987654321'];
    expect(await json('function', 'permission', 'list', 'echo')).toBeNull();
    expect(await daemon.cli(...asTenant)).toMatchObject({ status: 1, stderr: expect.stringContaining('AccessDeniedException') });
    await json('function', 'permission', 'add', 'echo', 'shop', '--principal', '210987654321');
    expect((await daemon.cli(...asTenant)).status).toBe(0);
    expect(await json('function', 'permission', 'list', 'echo')).toMatchObject({ Statement: [{ Sid: 'shop', Action: 'lambda:InvokeFunction' }] });
    await json('function', 'permission', 'remove', 'echo', 'shop');
    expect((await daemon.cli(...asTenant)).status).toBe(1);
    expect(await daemon.cli('function', 'permission', 'list', 'nobody')).toMatchObject({ status: 1 });
  });

  it('reserves concurrency, down to none at all', async () => {
    expect(await json('function', 'concurrency', 'echo', '--reserved', '0')).toMatchObject({ ReservedConcurrentExecutions: 0 });
    expect(await daemon.cli('invoke', 'echo')).toMatchObject({ status: 1, stderr: expect.stringContaining('TooManyRequestsException') });
    expect(await json('function', 'concurrency', 'echo', '--no-reserved')).toMatchObject({ ReservedConcurrentExecutions: null });
    expect((await daemon.cli('invoke', 'echo')).status).toBe(0);
  });

  it('hands an event over without waiting, and says what becomes of it', async () => {
    expect(await json('function', 'async', 'echo')).toBeNull();
    await json('function', 'async', 'echo', '--retries', '0');
    expect(await json('function', 'async', 'echo', '--max-age', '120')).toMatchObject({ MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 120 });
    const { statusCode, requestId } = await json<{ statusCode: number; requestId: string }>('invoke', 'echo', '--async');
    expect(statusCode).toBe(202);
    await expect.poll(async () => (await daemon.cli('logs', 'echo')).stdout, { timeout: 20_000 }).toContain(`END RequestId: ${requestId}`);
    await json('function', 'async', 'echo', '--reset');
    expect(await json('function', 'async', 'echo')).toBeNull();
  });

  it('gives a function a URL that everybody may call, then only who signs', async () => {
    const { FunctionUrl } = await json<{ FunctionUrl: string }>('url', 'create', 'echo', '--auth', 'none', '--cors-origin', 'https://example.org');
    const called = await fetch(new URL('orders?page=2', FunctionUrl), { method: 'POST', body: '{}' });
    expect(await called.json()).toMatchObject({ rawPath: '/orders', rawQueryString: 'page=2' });
    await json('url', 'update', 'echo', '--auth', 'iam', '--no-cors');
    expect((await fetch(FunctionUrl)).status).toBe(403);
    const signed = await json<{ statusCode: number; body: string }>('url', 'call', 'echo', '/orders?page=3', '--header', 'x-mine: 1');
    expect(signed.statusCode).toBe(200);
    expect(JSON.parse(signed.body)).toMatchObject({ rawPath: '/orders', rawQueryString: 'page=3', headers: { 'x-mine': '1' } });
    expect(await json('url', 'list', 'echo')).toMatchObject([{ AuthType: 'AWS_IAM', FunctionUrl }]);
    await json('url', 'delete', 'echo');
    expect(await json('function', 'permission', 'list', 'echo')).toBeNull();
    expect(await daemon.cli('url', 'show', 'echo')).toMatchObject({ status: 1, stderr: expect.stringContaining('ResourceNotFoundException') });
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
