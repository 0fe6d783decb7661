import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findRuntime, listRuntimes } from './runtime-manifest.ts';

function dataDirectory(runtimes: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'cloister-manifests-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  mkdirSync(join(path, 'runtimes'));
  for (const [name, digest] of Object.entries(runtimes)) {
    const source = { kind: 'directory', packages: {} };
    const manifest = {
      name,
      digest,
      base: 'test',
      versionLabel: `${name}.v1`,
      variables: {},
      createdAt: '2026-01-01T00:00:00.000Z',
      entrypoints: ['/start'],
      source,
    };
    writeFileSync(join(path, 'runtimes', `${name}.json`), JSON.stringify(manifest));
  }
  return path;
}

const [one, two] = ['1'.repeat(64), '2'.repeat(64)];

it('listRuntimes() takes a name from the first directory that has it', async () => {
  const own = dataDirectory({ shared: one });
  const host = dataDirectory({ shared: two, other: two });
  const found = await listRuntimes([own, host]);
  expect(found.map(({ manifest, imagePath }) => [manifest.name, imagePath])).toEqual([
    ['other', join(host, 'images', 'runtimes', `${two}.erofs`)],
    ['shared', join(own, 'images', 'runtimes', `${one}.erofs`)],
  ]);
});

it('findRuntime() answers undefined for a name that is none, and never leaves the directory', async () => {
  const own = dataDirectory({ shared: one });
  expect((await findRuntime([own], 'shared'))?.manifest.digest).toBe(one);
  expect(await findRuntime([own], 'missing')).toBeUndefined();
  expect(await findRuntime([own], '../runtimes/shared')).toBeUndefined();
});
