import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FunctionRecord } from '../functions/function-record.ts';
import type { Storage } from './open-storage.ts';
import { openStorage } from './open-storage.ts';

const accountId = '123456789012';
const region = 'us-east-1';
const digestOf = (digit: string) => digit.repeat(64);

function recordNamed(functionName: string, revisionId: string, layerDigests: readonly string[] = []): FunctionRecord {
  return {
    accountId,
    functionName,
    version: '$LATEST',
    revisionId,
    lastModified: '2026-11-01T00:00:00.000Z',
    configuration: {
      runtime: 'nodejs24.x',
      runtimeDigest: digestOf('9'),
      role: 'arn:aws:iam::123456789012:role/any',
      handler: 'index.handler',
      description: revisionId,
      timeoutSeconds: 3,
      memorySizeMiB: 128,
      ephemeralStorageMiB: 512,
      environment: {},
      layers: layerDigests.map((digest) => ({ arn: `arn:${digest}`, accountId, digest, codeSizeBytes: 1, unpackedBytes: 1 })),
      architecture: 'x86_64',
      tracingMode: 'PassThrough',
      logGroup: `/aws/lambda/${functionName}`,
      isolation: 'oci',
    },
    code: { archiveDigest: digestOf('a'), archiveBytes: 10, imageDigest: digestOf('b'), unpackedBytes: 20 },
  };
}

describe('SqliteFunctionStore', () => {
  let dataDir: string;
  let storage: Storage;
  const open = () => openStorage({ dataDir, region, clock: () => 1_800_000_000_000 });
  const key = { accountId, functionName: 'f' };
  const latestRevision = async () => (await storage.functions.find(key, '$LATEST'))?.revisionId ?? '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'cloister-storage-'));
    storage = await open();
  });
  afterEach(async () => {
    await storage.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('keeps functions, versions, tags over a restart', async () => {
    const record = recordNamed('f', 'r1', [digestOf('1')]);
    const published = await storage.functions.create(record, { tags: { team: 'a' }, publish: { description: 'one' } });
    expect(published).toMatchObject({ version: '1', configuration: { description: 'one' } });
    await storage.close();
    storage = await open();
    const latest = await storage.functions.find(key, '$LATEST');
    // Publishing renews the revision that clients see; environments go by the one before.
    expect(latest).toEqual({ ...record, revisionId: expect.not.stringMatching('r1'), environmentRevisionId: 'r1' });
    expect(await storage.functions.find(key, '1')).toEqual(published);
    expect(await storage.functions.tags(key)).toEqual({ team: 'a' });
    expect(await storage.functions.find(key, '2')).toBeUndefined();
    expect(await storage.functions.find(key, 'alias')).toBeUndefined();
  });

  it('refuses a name that is taken, and a change of another revision', async () => {
    await storage.functions.create(recordNamed('f', 'r1'), { tags: {} });
    await expect(storage.functions.create(recordNamed('f', 'r2'), { tags: {} })).rejects.toMatchObject({ code: 'Conflict' });
    const change = storage.functions.replaceLatest(recordNamed('f', 'r3'), { expectedRevisionId: 'r2' });
    await expect(change).rejects.toMatchObject({ code: 'Conflict' });
    await expect(storage.functions.publish({ accountId, functionName: 'g' }, { expectedRevisionId: 'r1' })).rejects.toMatchObject({
      code: 'NotFound',
    });
    expect((await storage.functions.find(key, '$LATEST'))?.revisionId).toBe('r1');
  });

  it('lets one of two changes at the same time win', async () => {
    await storage.functions.create(recordNamed('f', 'r1'), { tags: {} });
    const changes = await Promise.allSettled(
      ['r2', 'r3'].map((revisionId) => storage.functions.replaceLatest(recordNamed('f', revisionId), { expectedRevisionId: 'r1' })),
    );
    expect(changes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('undoes a change that fails in the middle', async () => {
    const record = recordNamed('f', 'r1', [digestOf('1')]);
    await storage.functions.create(record, { tags: {} });
    // The last row of the change is one that the table refuses; the version's own row was replaced by then.
    const broken = recordNamed('f', 'r2', [digestOf('2'), null as unknown as string]);
    await expect(storage.functions.replaceLatest(broken, { expectedRevisionId: 'r1' })).rejects.toThrow(/NOT NULL/);
    expect(await storage.functions.find(key, '$LATEST')).toEqual(record);
    await storage.artifacts.record({ accountId, kind: 'image', digest: digestOf('1') });
    expect(await storage.artifacts.listUnreferenced(accountId)).toEqual([]);
  });

  it('answers the invoke path from memory, and never with what was changed', async () => {
    await storage.functions.create(recordNamed('f', 'r1'), { tags: {}, publish: {} });
    const first = await storage.functions.findForInvoke(key, '$LATEST');
    expect(first).toMatchObject({ revisionId: 'r1', functionArn: `arn:aws:lambda:${region}:${accountId}:function:f` });
    expect(await storage.functions.findForInvoke(key, '$LATEST')).toBe(first);
    const expectedRevisionId = await latestRevision();
    const [read] = await Promise.all([
      storage.functions.findForInvoke(key, '1'),
      storage.functions.replaceLatest(recordNamed('f', 'r2'), { expectedRevisionId }),
    ]);
    expect(read?.functionArn).toMatch(/:f:1$/);
    expect((await storage.functions.findForInvoke(key, '$LATEST'))?.revisionId).toBe('r2');
    await storage.functions.remove(key);
    expect(await storage.functions.findForInvoke(key, '$LATEST')).toBeUndefined();
    expect(await storage.functions.findForInvoke(key, '1')).toBeUndefined();
  });

  it('never gives a version’s number twice', async () => {
    await storage.functions.create(recordNamed('f', 'r1'), { tags: {}, publish: {} });
    expect(await storage.functions.remove(key, '1')).toEqual({ removed: true });
    expect(await storage.functions.remove(key, '1')).toEqual({ removed: false });
    expect((await storage.functions.publish(key, { expectedRevisionId: await latestRevision() })).version).toBe('2');
    expect((await storage.functions.publish(key, { expectedRevisionId: await latestRevision() })).version).toBe('2');
    const same = { ...recordNamed('f', 'r2'), configuration: recordNamed('f', 'r1').configuration };
    await storage.functions.replaceLatest(same, { expectedRevisionId: await latestRevision() });
    expect((await storage.functions.findForInvoke(key, '$LATEST'))?.revisionId).toBe('r1');
    expect((await storage.functions.publish(key, { expectedRevisionId: 'r2' })).version).toBe('2');
    await storage.functions.replaceLatest(recordNamed('f', 'r3'), { expectedRevisionId: await latestRevision() });
    expect((await storage.functions.publish(key, { expectedRevisionId: 'r3' })).version).toBe('3');
  });

  it('knows which artifacts are needed', async () => {
    const code = { archiveDigest: digestOf('c'), archiveBytes: 1, imageDigest: digestOf('d'), unpackedBytes: 1 };
    const layer = { accountId, layerName: 'l', description: '', compatibleRuntimes: [], compatibleArchitectures: [], createdDate: 'now', code };
    for (const digit of ['a', 'b', 'c', 'd', 'e']) {
      for (const kind of ['archive', 'image'] as const) await storage.artifacts.record({ accountId, kind, digest: digestOf(digit) });
    }
    await storage.functions.create(recordNamed('f', 'r1', [digestOf('e')]), { tags: {} });
    await storage.layers.publish(layer);
    const unneeded = async () => (await storage.artifacts.listUnreferenced(accountId)).map(({ kind, digest }) => `${kind} ${digest[0]}`).sort();
    expect(await unneeded()).toEqual(['archive b', 'archive d', 'archive e', 'image a', 'image c']);
    await storage.functions.remove(key);
    expect(await unneeded()).toEqual(['archive a', 'archive b', 'archive d', 'archive e', 'image a', 'image b', 'image c', 'image e']);
    expect(await storage.artifacts.listUnreferenced('210987654321')).toEqual([]);
  });

  it('holds whole functions only, whichever statement the process is killed at', { timeout: 120_000 }, async () => {
    await storage.close();
    let killedAt = 0;
    while ((await writeUntilKilled(dataDir, killedAt + 1)) === 'killed') {
      killedAt += 1;
      checkWholeness(join(dataDir, 'db', 'metadata.sqlite'));
    }
    // Three changes with at least six statements each were killed at every one of them, and the last run came to its end.
    expect(killedAt).toBeGreaterThan(18);
    storage = await open();
    expect(await storage.functions.find(key, '$LATEST')).toBeUndefined();
  });
});

/** A process of its own creates, changes and removes a function, and kills itself just before one statement of these. */
async function writeUntilKilled(dataDir: string, statementToDieAt: number): Promise<'killed' | 'ended'> {
  const script = `
    import { DatabaseSync } from 'node:sqlite';
    const { openStorage } = await import(${JSON.stringify(new URL('./open-storage.ts', import.meta.url).href)});
    const { functions } = await openStorage({ dataDir: ${JSON.stringify(dataDir)}, region: 'us-east-1', clock: Date.now });
    const accountId = '${accountId}', digestOf = (digit) => digit.repeat(64);
    const make = ${recordNamed.toString()};
    await functions.remove({ accountId, functionName: 'f' });
    const statement = Object.getPrototypeOf(new DatabaseSync(':memory:').prepare('SELECT 1'));
    let statements = 0;
    for (const method of ['run', 'all']) {
      const original = statement[method];
      statement[method] = function (...parameters) {
        if (++statements === ${statementToDieAt}) process.kill(process.pid, 'SIGKILL');
        return original.apply(this, parameters);
      };
    }
    await functions.create(make('f', 'r1', [digestOf('1'), digestOf('2')]), { tags: { a: 'x', b: 'x' }, publish: {} });
    const { revisionId: expectedRevisionId } = await functions.find({ accountId, functionName: 'f' }, '$LATEST');
    await functions.replaceLatest(make('f', 'r2', [digestOf('3')]), { expectedRevisionId, publish: {} });
    await functions.remove({ accountId, functionName: 'f' });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  expect([code, signal]).toEqual(signal === null ? [0, null] : [null, 'SIGKILL']);
  return signal === null ? 'ended' : 'killed';
}

/** Checks that each function has all of its rows, and that nothing is left of any other. */
function checkWholeness(path: string): void {
  const database = new DatabaseSync(path);
  try {
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    expect(database.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
    const functions = database.prepare('SELECT function_name, last_version FROM functions').all();
    const versions = database.prepare('SELECT function_name, sequence, configuration FROM function_versions ORDER BY sequence').all();
    const layers = database.prepare('SELECT function_name, sequence FROM function_version_layers').all();
    const tags = database.prepare('SELECT tag_value FROM function_tags').all();
    expect(tags.length).toBe(functions.length * 2);
    for (const { last_version: last } of functions) {
      // One of $LATEST, and each number that was given: every change of this test publishes.
      expect(versions.map((version) => version['sequence'])).toEqual(Array.from({ length: Number(last) + 1 }, (_, sequence) => sequence));
      expect(last).toBeGreaterThan(0);
    }
    if (functions.length === 0) expect(versions).toEqual([]);
    for (const { sequence, configuration } of versions) {
      const stored = layers.filter((layer) => layer['sequence'] === sequence).length;
      expect(stored).toBe(JSON.parse(String(configuration)).layers.length);
    }
  } finally {
    database.close();
  }
}
