import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CloisterError } from '../errors.ts';
import { architectureOf, type BuildOptions, baseName } from './build-runtimes.ts';
import { buildUserId } from './build-user.ts';
import { makeErofsImage } from './erofs-image.ts';
import { applyGuestLayout } from './guest-layout.ts';
import { buildInit } from './native-parts.ts';
import { readOciArchive } from './oci-archive.ts';
import { withProgress } from './progress.ts';
import { publishRuntime } from './publish-runtime.ts';
import { readDirectoryTree } from './read-directory-tree.ts';
import { RootTree } from './root-tree.ts';
import { customRuntime, runtimeDefinitions } from './runtime-definitions.ts';
import type { RuntimeManifest } from './runtime-manifest.ts';
import { hostFile } from './runtime-root.ts';
import { readSourceLock } from './source-lock.ts';
import { StepCache } from './step-cache.ts';
import { writeTree } from './write-tree.ts';

/** As large as Lambda lets an image be. */
const maxImportBytes = 10 * 1024 ** 3;

export interface ImportOptions extends BuildOptions {
  readonly name: string;
  readonly source: { readonly directory: string } | { readonly ociArchive: string };
  /** Absolute paths inside the image, in order of preference. @default those of provided.al2023 */
  readonly entrypoints: readonly string[];
}

interface Imported {
  readonly tree: RootTree;
  readonly variables: Readonly<Record<string, string>>;
  readonly source: RuntimeManifest['source'];
}

/**
 * Makes a runtime of a root file system that a user brings. It gets PID 1, mount points and the function's user; set-user-id bits, device nodes
 * and extended attributes are not taken over. No program of it is run here. Needs root.
 */
export async function importRuntime(options: ImportOptions): Promise<RuntimeManifest> {
  const { name, dataDir } = options;
  if (runtimeDefinitions.some((definition) => definition.name === name)) {
    throw new CloisterError('Conflict', `${name} is a runtime that Cloister builds; choose another name`, { operation: 'import runtime' });
  }
  const progress = options.onProgress ?? (() => {});
  const lock = await readSourceLock();
  await mkdir(dataDir, { recursive: true, mode: 0o755 });
  await using cache = await StepCache.open(dataDir, progress);
  const init = await hostFile(await buildInit(cache, lock));
  // ORDER: awaited here, because leaving this function gives the cache and its scratch directories up.
  return await withProgress(progress, `import ${name}`, async () => {
    const imported = await readSource(options, await cache.scratch());
    if (imported.tree.sizeBytes > maxImportBytes) {
      throw new CloisterError('ArchiveTooLarge', 'the root file system is over 10 GiB', { operation: 'import runtime' });
    }
    const base = await baseName(imported.tree);
    await applyGuestLayout(imported.tree, init);
    const scratch = await cache.scratch();
    const directory = join(scratch, 'root');
    await mkdir(directory);
    await writeTree(imported.tree, directory, buildUserId);
    await makeErofsImage(directory, join(scratch, 'image.erofs'));
    return publishRuntime(dataDir, join(scratch, 'image.erofs'), {
      name,
      base,
      versionLabel: `${name}.v1`,
      variables: { ...customRuntime.variables, ...imported.variables },
      entrypoints: [...(options.entrypoints.length === 0 ? customRuntime.entrypoints : options.entrypoints)],
      source: imported.source,
    });
  });
}

async function readSource(options: ImportOptions, scratch: string): Promise<Imported> {
  if ('directory' in options.source) {
    const { directory } = options.source;
    const facts = await lstat(directory).catch(() => undefined);
    if (facts?.isDirectory() !== true)
      throw new CloisterError('NotFound', `${directory} is not a directory`, { operation: 'import runtime', path: directory });
    const tree = new RootTree();
    await readDirectoryTree(tree, directory, '');
    return { tree, variables: {}, source: { kind: 'directory', packages: {} } };
  }
  const image = await readOciArchive(options.source.ociArchive, { scratch, architecture: architectureOf(process.arch) });
  return { tree: image.tree, variables: imageVariables(image.variables), source: { kind: 'oci-archive', packages: {}, fingerprint: image.digest } };
}

/** An image's own variables, without those that say who the function is: these come with each environment. */
function imageVariables(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !/^(AWS_|_HANDLER$|_X_AMZN|_LAMBDA)/.test(name)));
}
