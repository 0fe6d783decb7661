import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CloisterError } from '../errors.ts';
import { buildUserId } from './build-user.ts';
import { makeErofsImage } from './erofs-image.ts';
import { textOf } from './guest-layout.ts';
import type { Progress } from './progress.ts';
import { publishRuntime } from './publish-runtime.ts';
import type { RootTree } from './root-tree.ts';
import { runInRoot } from './run-in-root.ts';
import { type RuntimeDefinition, runtimeDefinitions } from './runtime-definitions.ts';
import type { RuntimeManifest } from './runtime-manifest.ts';
import { assembleRuntime, type RuntimeRoot } from './runtime-root.ts';
import { type Architecture, guestFile, readSourceLock, type SourceLock } from './source-lock.ts';
import { StepCache } from './step-cache.ts';
import { writeTree } from './write-tree.ts';

export interface BuildOptions {
  readonly dataDir: string;
  /** Told a line now and then while something takes longer than two seconds. */
  readonly onProgress?: Progress;
}

/** Builds the named runtimes (all when none is named) and makes them available; parts that were built before are taken from the cache. Needs root. */
export async function buildRuntimes(names: readonly string[], options: BuildOptions): Promise<readonly RuntimeManifest[]> {
  const definitions = names.length === 0 ? runtimeDefinitions : names.map(definitionOf);
  const architecture = architectureOf(process.arch);
  const progress = options.onProgress ?? (() => {});
  const lock = await readSourceLock();
  await mkdir(options.dataDir, { recursive: true, mode: 0o755 });
  await using cache = await StepCache.open(options.dataDir, progress);
  const manifests: RuntimeManifest[] = [];
  for (const definition of definitions) {
    manifests.push(await buildRuntime(definition, { dataDir: options.dataDir, cache, lock, architecture }));
  }
  return manifests;
}

interface BuildContext {
  readonly dataDir: string;
  readonly cache: StepCache;
  readonly lock: SourceLock;
  readonly architecture: Architecture;
}

async function buildRuntime(definition: RuntimeDefinition, { dataDir, cache, lock, architecture }: BuildContext): Promise<RuntimeManifest> {
  const guest = await Promise.all(
    ['init.c', 'bootstrap/node', 'bootstrap/start-node22', 'bootstrap/start-node24', 'bootstrap/python', 'bootstrap/start-python.py'].map((name) =>
      readFile(guestFile(name), 'utf8'),
    ),
  );
  const inputs = { recipe: 3, definition, lock, guest, machine: process.arch };
  const built = await cache.step({ name: `image-${definition.name}`, title: `make the image of ${definition.name}`, inputs }, async (scratch) => {
    const root = await assembleRuntime(definition, { cache, lock, architecture });
    await makeImage(cache, root, join(scratch, 'image.erofs'));
    await writeFile(join(scratch, 'facts.json'), JSON.stringify({ packages: root.packages, base: await baseName(root.tree) }));
  });
  const facts = JSON.parse(await readFile(join(built, 'facts.json'), 'utf8')) as { packages: Record<string, string>; base: string };
  const fingerprint = createHash('sha256').update(JSON.stringify(facts.packages)).digest('hex');
  const { language: _, ...shown } = definition;
  return publishRuntime(dataDir, join(built, 'image.erofs'), {
    ...shown,
    entrypoints: [...definition.entrypoints],
    base: facts.base,
    source: { kind: 'built', packages: facts.packages, fingerprint },
  });
}

async function makeImage(cache: StepCache, root: RuntimeRoot, image: string): Promise<void> {
  const directory = join(await cache.scratch(), 'root');
  await mkdir(directory);
  // Everything belongs to the build user while programs of the root itself run on it; in the image everything belongs to root.
  await writeTree(root.tree, directory, buildUserId);
  for (const [program, ...args] of root.finish) await runInRoot(directory, program, args, { PYTHONHASHSEED: '0' });
  await makeErofsImage(directory, image);
}

/** What a root file system says it is (os-release). */
export async function baseName(tree: RootTree): Promise<string> {
  for (const path of ['/usr/lib/os-release', '/etc/os-release']) {
    const entry = tree.lookup(path);
    if (entry?.kind !== 'file') continue;
    const name = /^PRETTY_NAME=(["']?)(.*)\1$/m.exec(await textOf(entry))?.[2];
    if (name !== undefined) return name;
  }
  return 'unknown';
}

function definitionOf(name: string): RuntimeDefinition {
  const definition = runtimeDefinitions.find((candidate) => candidate.name === name);
  if (definition !== undefined) return definition;
  const known = runtimeDefinitions.map((candidate) => candidate.name).join(', ');
  throw new CloisterError('NotFound', `no runtime ${name} is known; there are ${known}`, { operation: 'build runtimes' });
}

/** Node's name of the machine, if runtimes can be built on it. */
export function architectureOf(machine: string): Architecture {
  if (machine === 'x64' || machine === 'arm64') return machine;
  throw new CloisterError('HostUnfit', `runtimes can be built on x64 and arm64, not on ${machine}`, { operation: 'build runtimes' });
}
