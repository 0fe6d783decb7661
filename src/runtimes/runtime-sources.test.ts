import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDebianMirror, sourcesOf } from './debian-mirror.ts';
import { packageVersions } from './debian-root.ts';
import { keepsDebianPath } from './debian-selection.ts';
import { runtimeDefinitions } from './runtime-definitions.ts';
import { listManifests, readManifest } from './runtime-manifest.ts';
import { readSourceLock } from './source-lock.ts';
import { StepCache } from './step-cache.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runtime-sources-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('findDebianMirror()', () => {
  const aptWith = (files: Record<string, string>): string => {
    mkdirSync(join(folder, 'sources.list.d'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  };

  it('reads deb822 sources, leaving other distributions and disabled stanzas aside', async () => {
    const off = 'Types: deb\nURIs: http://off.test/debian\nEnabled: no\nSuites: trixie\n';
    const on =
      '# text\nTypes: deb deb-src\n# http://old.test\nURIs: http://mirror.test/debian/\nSuites: bookworm\n\nTypes: deb\nURIs: http://mirror.test/debian-security\n';
    const apt = aptWith({ 'sources.list.d/a.sources': 'Types: deb\nURIs: https://tools.test/repo\n', 'sources.list.d/b.sources': `${off}\n${on}` });
    expect(await findDebianMirror(apt)).toEqual({ main: 'http://mirror.test/debian', security: 'http://mirror.test/debian-security' });
  });

  it('reads one-line sources', async () => {
    const apt = aptWith({
      'sources.list': '# deb http://no.test/debian x main\ndeb [arch=amd64 signed-by=/k] https://mirror.test/debian trixie main\n',
    });
    const mirror = await findDebianMirror(apt);
    expect(mirror).toEqual({ main: 'https://mirror.test/debian', security: undefined });
    expect(sourcesOf(mirror, 'trixie')).toEqual(['deb https://mirror.test/debian trixie main', 'deb https://mirror.test/debian trixie-updates main']);
  });

  it('takes the public mirror where there is none', async () => {
    expect((await findDebianMirror(join(folder, 'none'))).main).toMatch(/^http:\/\/deb\.debian\.org/);
  });
});

describe('packageVersions()', () => {
  it('reads names and versions, epochs included', () => {
    const files = ['zlib1g_1%3a1.3.dfsg+really1.3.1-1_amd64.deb', 'bash_5.2.37-2+b10_amd64.deb', 'partial', 'lock'];
    expect(packageVersions(files)).toEqual({ bash: '5.2.37-2+b10', zlib1g: '1:1.3.dfsg+really1.3.1-1' });
  });
});

describe('keepsDebianPath()', () => {
  it('keeps programs, libraries and time zones, not documentation, locales or character sets', () => {
    const paths = [
      '/usr/bin/sed',
      '/usr/share/doc',
      '/usr/share/doc/sed/x',
      '/usr/share/zoneinfo/UTC',
      '/usr/lib/x86_64-linux-gnu/gconv/X.so',
      '/usr/share/documents',
      '/tmp',
      '/tmp/x',
    ];
    expect(paths.filter(keepsDebianPath)).toEqual(['/usr/bin/sed', '/usr/share/zoneinfo/UTC', '/usr/share/documents', '/tmp']);
  });
});

describe('readSourceLock()', () => {
  it('pins every download by a hash', async () => {
    const lock = await readSourceLock();
    const { node22, node24 } = lock.npm;
    const packed = [node22, node24].flatMap(({ packages, client }) => [...Object.values(packages), client.package, client.addonApi]);
    for (const { integrity } of packed) expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    for (const wheel of lock.python.wheels) for (const sum of Object.values(wheel.sha256)) expect(sum).toMatch(/^[0-9a-f]{64}$/);
    expect([node22.version.split('.')[0], node24.version.split('.')[0]]).toEqual(['22', '24']);
  });
});

describe('StepCache', () => {
  const step = { name: 'thing', title: 'make a thing', inputs: { a: 1 } };

  it('does a step once per inputs', async () => {
    let times = 0;
    const produce = async (directory: string): Promise<void> => {
      times += 1;
      writeFileSync(join(directory, 'made'), String(times));
    };
    await using cache = await StepCache.open(folder, () => {});
    const first = await cache.step(step, produce);
    expect(await cache.step({ ...step, title: 'other words' }, produce)).toBe(first);
    expect(await cache.step({ ...step, inputs: { a: 2 } }, produce)).not.toBe(first);
    expect(times).toBe(2);
  });

  it('forgets a step that failed, and clears what a killed build left', async () => {
    mkdirSync(join(folder, 'cache/tmp/9'), { recursive: true });
    writeFileSync(join(folder, 'cache/tmp/9/half'), '');
    await using cache = await StepCache.open(folder, () => {});
    const failing = cache.step(step, async (directory) => {
      writeFileSync(join(directory, 'half'), '');
      throw new Error('broken');
    });
    await expect(failing).rejects.toThrow('broken');
    expect(await cache.step(step, async () => {})).toContain('thing-');
    await expect(cache.scratch()).resolves.toContain('tmp');
  });

  it('is for one build at a time', async () => {
    {
      await using _first = await StepCache.open(folder, () => {});
      await expect(StepCache.open(folder, () => {})).rejects.toMatchObject({ code: 'Conflict' });
    }
    await using again = await StepCache.open(folder, () => {});
    expect(again).toBeInstanceOf(StepCache);
  });
});

describe('readManifest() and listManifests()', () => {
  const manifest = (name: string) => ({
    name,
    digest: 'a'.repeat(64),
    base: 'Debian',
    versionLabel: 'x.v1',
    variables: { PATH: '/bin' },
    createdAt: new Date(0).toISOString(),
    entrypoints: ['/bootstrap'],
    source: { kind: 'built', packages: {} },
  });

  it('finds what is there, by name', async () => {
    expect(await listManifests(folder)).toEqual([]);
    mkdirSync(join(folder, 'runtimes'));
    for (const name of ['two', 'one']) writeFileSync(join(folder, 'runtimes', `${name}.json`), JSON.stringify(manifest(name)));
    writeFileSync(join(folder, 'runtimes', 'one.json.7.partial'), '{');
    expect((await listManifests(folder)).map(({ name }) => name)).toEqual(['one', 'two']);
    expect(await readManifest(folder, 'two')).toEqual(manifest('two'));
    expect(await readManifest(folder, 'three')).toBeUndefined();
  });

  it('looks for nothing outside its directory, and rejects a damaged file', async () => {
    mkdirSync(join(folder, 'runtimes'));
    writeFileSync(join(folder, 'secret.json'), JSON.stringify(manifest('secret')));
    expect(await readManifest(folder, '../secret')).toBeUndefined();
    writeFileSync(join(folder, 'runtimes/bad.json'), JSON.stringify({ ...manifest('bad'), digest: '../x' }));
    await expect(readManifest(folder, 'bad')).rejects.toThrow();
  });

  it('takes every name, entry point and variable that is built', () => {
    for (const { name, entrypoints } of runtimeDefinitions) {
      expect(name).toMatch(/^[a-z][a-z0-9.-]{1,39}$/);
      expect(entrypoints.every((path) => path.startsWith('/'))).toBe(true);
    }
  });
});
