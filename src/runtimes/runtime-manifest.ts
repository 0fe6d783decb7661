import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const absolutePath = z.string().regex(/^\/[^\0]*$/);

/** A runtime as it is kept in `<dataDir>/runtimes/<name>.json`: what the daemon is told of it, how it starts, and what it was made of. */
export const runtimeManifest = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9.-]{1,39}$/),
  /** SHA-256 of the image `<dataDir>/images/runtimes/<digest>.erofs`. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  base: z.string(),
  versionLabel: z.string(),
  executionEnvironment: z.string().exactOptional(),
  variables: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()),
  createdAt: z.iso.datetime(),
  /** PID 1 starts the first of these that is executable. */
  entrypoints: z.array(absolutePath).min(1).max(16),
  source: z.strictObject({
    kind: z.enum(['built', 'directory', 'oci-archive']),
    /** What was installed, by name and version: Debian packages, npm packages, wheels. Empty for imports. */
    packages: z.record(z.string(), z.string()),
    /** SHA-256 over `packages`, or the OCI image's manifest digest; absent for a directory. */
    fingerprint: z.string().exactOptional(),
  }),
});
export type RuntimeManifest = z.infer<typeof runtimeManifest>;

/** The manifest of one runtime, or undefined when it is not built. Rejects when the file is damaged. */
export async function readManifest(dataDir: string, name: string): Promise<RuntimeManifest | undefined> {
  // SECURITY: the name becomes a file name; anything but a runtime's name is not looked for.
  if (!runtimeManifest.shape.name.safeParse(name).success) return undefined;
  try {
    return runtimeManifest.parse(JSON.parse(await readFile(join(dataDir, 'runtimes', `${name}.json`), 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The manifests of all runtimes that are built, by name. */
export async function listManifests(dataDir: string): Promise<readonly RuntimeManifest[]> {
  const entries = await readdir(join(dataDir, 'runtimes')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names = entries.filter((entry) => entry.endsWith('.json')).map((entry) => entry.slice(0, -'.json'.length));
  const manifests = await Promise.all(names.toSorted().map((name) => readManifest(dataDir, name)));
  return manifests.filter((manifest) => manifest !== undefined);
}

export interface BuiltRuntime {
  readonly manifest: RuntimeManifest;
  readonly imagePath: string;
}

/** The runtime of that name in the first of several data directories that has it. */
export async function findRuntime(dataDirs: readonly string[], name: string): Promise<BuiltRuntime | undefined> {
  for (const dataDir of dataDirs) {
    const manifest = await readManifest(dataDir, name);
    if (manifest !== undefined) return { manifest, imagePath: imagePath(dataDir, manifest.digest) };
  }
  return undefined;
}

/** The runtimes of several data directories, by name; of two with one name the earlier directory's. */
export async function listRuntimes(dataDirs: readonly string[]): Promise<readonly BuiltRuntime[]> {
  const found = new Map<string, BuiltRuntime>();
  for (const dataDir of new Set(dataDirs)) {
    for (const manifest of await listManifests(dataDir)) {
      if (!found.has(manifest.name)) found.set(manifest.name, { manifest, imagePath: imagePath(dataDir, manifest.digest) });
    }
  }
  return [...found.values()].toSorted((a, b) => (a.manifest.name < b.manifest.name ? -1 : 1));
}

/** Where a runtime's image is. */
export function imagePath(dataDir: string, digest: string): string {
  return join(dataDir, 'images', 'runtimes', `${digest}.erofs`);
}
