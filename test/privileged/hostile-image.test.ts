import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeErofsImage } from '../../src/runtimes/erofs-image.ts';
import { publishRuntime } from '../../src/runtimes/publish-runtime.ts';
import { readManifest } from '../../src/runtimes/runtime-manifest.ts';
import { linkRuntimes } from '../runtimes.ts';
import { RawDaemon } from './raw-daemon.ts';

const places = ['proc', 'dev', 'sys', 'tmp', 'var/task', 'opt'] as const;

/** Runtime images whose own contents try to lead the mounts of an environment elsewhere. They are put into the store as a stranger's import would be. */
describe('a hostile runtime image', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-hostile-'));
  const canary = join(dataDirectory, 'canary');
  const initProgram = join(dataDirectory, 'init');
  let daemon: RawDaemon;
  let count = 0;

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    mkdirSync(canary);
    writeFileSync(join(canary, 'kept'), 'kept');
    const { digest } = (await readManifest(dataDirectory, 'provided.al2023')) ?? expect.fail('no runtime');
    const mounted = join(dataDirectory, 'mounted');
    mkdirSync(mounted);
    execFileSync('mount', ['-t', 'erofs', '-o', 'ro,loop', join(dataDirectory, 'images', 'runtimes', `${digest}.erofs`), mounted]);
    copyFileSync(join(mounted, 'var/rapid/init'), initProgram);
    execFileSync('umount', [mounted]);
    rmdirSync(mounted);
    daemon = RawDaemon.start(dataDirectory);
    expect((await daemon.request('listRuntimes', {})).ok).toBe(true);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true });
  });

  /** The least an environment starts from, changed by `spoil`; answers what prepare said. */
  async function prepare(spoil: (root: string) => void) {
    const scratch = mkdtempSync(join(tmpdir(), 'cloister-hostile-root-'));
    const root = join(scratch, 'root');
    for (const place of [...places, 'etc', 'var/rapid']) mkdirSync(join(root, place), { recursive: true });
    writeFileSync(join(root, 'etc/resolv.conf'), '');
    copyFileSync(initProgram, join(root, 'var/rapid/init'));
    execFileSync('chmod', ['-R', 'a+rX', root]);
    execFileSync('chmod', ['555', join(root, 'var/rapid/init')]);
    spoil(root);
    await makeErofsImage(root, join(scratch, 'image.erofs'));
    const name = `hostile-${count++}`;
    await publishRuntime(dataDirectory, join(scratch, 'image.erofs'), {
      name,
      base: 'none',
      versionLabel: 'hostile',
      variables: {},
      entrypoints: ['/var/task/bootstrap'],
      source: { kind: 'directory', packages: {} },
    });
    rmSync(scratch, { recursive: true });
    const { result } = await daemon.request('openSlot', { driver: 'oci', tmpSizeMiB: 512 });
    const { slotId } = result as { slotId: string };
    const prepared = await daemon.request('prepare', { slotId, runtime: name, memorySizeMiB: 128 });
    expect(await daemon.request('destroy', { id: slotId })).toMatchObject({ ok: true });
    return prepared;
  }

  function link(root: string, place: string, target: string): void {
    rmSync(join(root, place), { recursive: true });
    symlinkSync(target, join(root, place));
  }

  it('starts while it plays no games: what follows fails for its links alone', async () => {
    expect(await prepare(() => undefined)).toMatchObject({ ok: true });
  });

  it.each(places.flatMap((place) => ['absolute', 'relative', 'dangling', 'itself'].map((kind) => [place, kind] as const)))(
    'with a link at /%s (%s) starts nothing, and nothing of the host is mounted over or changed',
    async (place, kind) => {
      const targets = { absolute: canary, relative: `../../../../../../../..${canary}`, dangling: '/nowhere', itself: `/${place}` };
      const prepared = await prepare((root) => link(root, place, targets[kind as keyof typeof targets]));
      expect(prepared).toMatchObject({ ok: false, code: 'WallUnavailable' });
      expect(readdirSync(canary)).toEqual(['kept']);
      expect(readFileSync(`/proc/${daemon.agent.pid}/mountinfo`, 'utf8')).not.toContain('canary');
    },
  );

  it.each([
    ['a link above a mount point', (root: string) => link(root, 'var', '/etc')],
    ['a file at a mount point', (root: string) => replaceByFile(root, 'tmp')],
    ['no mount point', (root: string) => rmSync(join(root, 'opt'), { recursive: true })],
    ['a link as PID 1', (root: string) => link(root, 'var/rapid/init', '/proc/self/exe')],
    ['a directory as PID 1', (root: string) => replaceByDirectory(root, 'var/rapid/init')],
    ['a link as resolv.conf', (root: string) => link(root, 'etc/resolv.conf', '/proc/self/environ')],
  ])('with %s starts nothing', async (_what, spoil) => {
    expect(await prepare(spoil)).toMatchObject({ ok: false, code: 'WallUnavailable' });
  });

  it('leaves no slot, volume, control group or image mount', () => {
    for (const name of ['volumes', 'journal']) expect(readdirSync(join(dataDirectory, name)), name).toEqual([]);
    expect(readFileSync(`/proc/${daemon.agent.pid}/mountinfo`, 'utf8')).not.toMatch(/ erofs /);
  });

  function replaceByFile(root: string, place: string): void {
    rmSync(join(root, place), { recursive: true });
    writeFileSync(join(root, place), '');
  }

  function replaceByDirectory(root: string, place: string): void {
    rmSync(join(root, place), { recursive: true });
    mkdirSync(join(root, dirname(place)), { recursive: true });
    mkdirSync(join(root, place));
  }
});
