import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { BuiltRuntime } from '../runtimes/runtime-manifest.ts';
import { DedicatedRuntimes } from './dedicated-runtimes.ts';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

function setUp(freeMiB = 1_000) {
  const root = mkdtempSync(join(tmpdir(), 'dedicated-'));
  roots.push(root);
  const directory = join(root, 'dedicated');
  mkdirSync(join(directory, 'left'), { recursive: true });
  const built = (digit: string): BuiltRuntime => {
    const imagePath = join(root, `${digit}.erofs`);
    writeFileSync(imagePath, digit.repeat(2_000_000));
    const manifest = { name: 'nodejs24.x', digest: digit.repeat(64) } as BuiltRuntime['manifest'];
    return { manifest, imagePath };
  };
  return { root, directory, built, runtimes: new DedicatedRuntimes({ directory, disk: { freeMiB: () => freeMiB, reserveMiB: 999 } }) };
}

describe('DedicatedRuntimes', () => {
  it('gives each account one file of its own with the runtime’s bytes, which only root can read', async () => {
    const { runtimes, built, directory } = setUp(2_000);
    const runtime = built('a');
    const [mine, again, theirs] = await Promise.all(
      ['111111111111', '111111111111', '222222222222'].map((account) => runtimes.path(account, runtime)),
    );
    expect(again).toBe(mine);
    const inodes = [runtime.imagePath, mine, theirs].map((path) => statSync(String(path)).ino);
    expect(new Set(inodes).size).toBe(3);
    for (const path of [mine, theirs]) {
      expect(readFileSync(String(path)).equals(readFileSync(runtime.imagePath))).toBe(true);
      expect(statSync(String(path)).mode & 0o777).toBe(0o400);
    }
    expect(readdirSync(directory)).toEqual(['111111111111', '222222222222']);
    runtimes[Symbol.dispose]();
    expect(() => statSync(directory)).toThrow(/ENOENT/);
  });

  it('forgets the copy of an older build', async () => {
    const { runtimes, built } = setUp(2_000);
    const old = await runtimes.path('111111111111', built('a'));
    expect(await runtimes.path('111111111111', built('b'))).not.toBe(old);
    await expect.poll(() => statSync(old, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('leaves the disk its reserve, and tries again when there is room', async () => {
    const { runtimes, built, directory } = setUp(1_000);
    await expect(runtimes.path('111111111111', built('a'))).rejects.toMatchObject({ code: 'NoCapacity' });
    expect(() => statSync(join(directory, '111111111111'))).toThrow(/ENOENT/);
    await expect(runtimes.path('111111111111', built('a'))).rejects.toMatchObject({ code: 'NoCapacity' });
  });
});
