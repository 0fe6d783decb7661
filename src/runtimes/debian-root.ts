import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../linux/run-command.ts';
import { findDebianMirror, sourcesOf } from './debian-mirror.ts';
import type { StepCache } from './step-cache.ts';

export interface DebianRoot {
  /** The unpacked packages: no maintainer script has run. */
  readonly directory: string;
  /** File with the resolved versions by package name, as JSON. */
  readonly packagesFile: string;
}

const downloadTimeoutMs = 15 * 60 * 1000;

/** Unpacks Debian packages and what they depend on into a directory of the cache. */
export async function debianRoot(cache: StepCache, options: { name: string; suite: string; packages: readonly string[] }): Promise<DebianRoot> {
  const { name, suite, packages } = options;
  const step = {
    name: `debian-${name}`,
    title: `unpack Debian ${suite} packages (${name})`,
    inputs: { recipe: 1, suite, packages, machine: process.arch },
  };
  const directory = await cache.step(step, async (scratch) => {
    const root = join(scratch, 'root');
    const mirror = await findDebianMirror();
    // The extract variant runs no package's scripts. The downloaded files are kept to read the versions off their names.
    const recipe = ['--variant=extract', '--skip=cleanup/apt', '--aptopt=Acquire::Retries "3"', '--aptopt=APT::Install-Recommends "false"'];
    await runCommand('mmdebstrap', [...recipe, `--include=${packages.join(',')}`, suite, root, ...sourcesOf(mirror, suite)], {
      timeoutMs: downloadTimeoutMs,
    });
    const archives = join(root, 'var/cache/apt/archives');
    await writeFile(join(scratch, 'packages.json'), JSON.stringify(packageVersions(await readdir(archives))));
    for (const left of ['var/cache/apt', 'var/lib/apt']) await rm(join(root, left), { recursive: true, force: true });
    await chmod(root, 0o755);
  });
  return { directory: join(directory, 'root'), packagesFile: join(directory, 'packages.json') };
}

/** Names and versions out of the names of .deb files, in which a version's colon is written %3a. */
export function packageVersions(files: readonly string[]): Record<string, string> {
  const found = files.map((file) => /^([^_]+)_([^_]+)_[^_]+\.deb$/.exec(file)).filter((match) => match !== null);
  const entries = found.map(([, name, version]) => [name ?? '', decodeURIComponent(version ?? '')] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
