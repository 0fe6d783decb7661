import { hash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileArchiveStore } from './file-archive-store.ts';

describe('FileArchiveStore', () => {
  let directory: string;
  let archives: FileArchiveStore;
  const accountId = '123456789012';
  const bytes = Buffer.from('the zip');
  const digest = hash('sha256', bytes);
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloister-archives-'));
    archives = new FileArchiveStore(directory);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('gives back what it was given, to that account only', async () => {
    await archives.put(accountId, digest, bytes);
    await archives.put(accountId, digest, bytes);
    const found = await archives.open(accountId, digest);
    expect(found?.sizeBytes).toBe(bytes.length);
    if (found !== undefined) expect(await buffer(found.stream)).toEqual(bytes);
    expect(await archives.open('210987654321', digest)).toBeUndefined();
    expect((await stat(join(directory, accountId, `${digest}.zip`))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(directory, accountId))).toEqual([`${digest}.zip`]);
  });

  it('removes, once and again', async () => {
    await archives.put(accountId, digest, bytes);
    await archives.remove(accountId, digest);
    await archives.remove(accountId, digest);
    expect(await archives.open(accountId, digest)).toBeUndefined();
  });

  it('makes no path of anything but an account and a digest', async () => {
    for (const [account, name] of [
      ['..', digest],
      [accountId, '../../etc/passwd'],
      [`${accountId}/..`, digest],
      [accountId, `${digest}\n`],
    ] as const) {
      await expect(archives.open(account, name)).rejects.toMatchObject({ code: 'NotFound' });
      await expect(archives.put(account, name, bytes)).rejects.toMatchObject({ code: 'NotFound' });
    }
    expect(await readdir(directory)).toEqual([]);
  });

  it('clears what a crash left half written, and nothing else', async () => {
    await archives.put(accountId, digest, bytes);
    await writeFile(join(directory, accountId, '.partial-1'), 'half');
    await archives.clearPartial();
    expect(await readdir(join(directory, accountId))).toEqual([`${digest}.zip`]);
  });
});
