import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { readArchive, zipDirectory } from './zip-directory.ts';

let directory: string;

async function entriesOf(zip: Buffer) {
  const archive = await fromBufferPromise(zip);
  const entries = [];
  for await (const entry of archive.eachEntry()) {
    const content = (await buffer(await archive.openReadStreamPromise(entry))).toString('utf8');
    entries.push({ name: entry.fileName, mode: (entry.externalFileAttributes >>> 16).toString(8), content });
  }
  return entries;
}

describe('zipDirectory()', () => {
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cloister-zip-'));
    mkdirSync(join(directory, 'lib'));
    writeFileSync(join(directory, 'lib', 'part.js'), 'part');
    writeFileSync(join(directory, 'bootstrap'), '#!/bin/sh\n');
    chmodSync(join(directory, 'bootstrap'), 0o700);
    symlinkSync('lib/part.js', join(directory, 'link'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('keeps files, executable bits and symbolic links, sorted', async () => {
    expect(await entriesOf(await zipDirectory(directory))).toEqual([
      { name: 'bootstrap', mode: '100755', content: '#!/bin/sh\n' },
      { name: 'lib/part.js', mode: '100644', content: 'part' },
      { name: 'link', mode: '120777', content: 'lib/part.js' },
    ]);
  });

  it('gives the same bytes whenever the files were written', async () => {
    const before = await zipDirectory(directory);
    utimesSync(join(directory, 'bootstrap'), new Date(), new Date(2001, 1, 1));
    expect((await zipDirectory(directory)).equals(before)).toBe(true);
  });

  it('refuses a directory without files', async () => {
    const empty = join(directory, 'empty');
    mkdirSync(empty);
    await expect(zipDirectory(empty)).rejects.toMatchObject({ code: 'ArchiveInvalid' });
  });
});

describe('readArchive()', () => {
  it('says what could not be read', async () => {
    await expect(readArchive('/nonexistent/function.zip')).rejects.toMatchObject({ code: 'ArchiveInvalid', path: '/nonexistent/function.zip' });
  });
});
