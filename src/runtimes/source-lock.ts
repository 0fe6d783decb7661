import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const perArchitecture = <T extends z.ZodType>(value: T) => z.strictObject({ x64: value, arm64: value });
const npmPackage = z.strictObject({ name: z.string(), version: z.string(), integrity: z.string() });
const nodeRelease = z.strictObject({
  version: z.string(),
  /** AWS's runtime interface client, and the headers its native addon is compiled with. */
  client: z.strictObject({ package: npmPackage, addonApi: npmPackage }),
  packages: perArchitecture(z.strictObject({ name: z.string(), integrity: z.string() })),
});

/**
 * What the runtimes are made of (lock.json). npm packages and wheels are pinned by version and hash. Debian packages are pinned by suite and
 * list alone, because Debian keeps no superseded point releases: the versions that were resolved are recorded in each runtime's manifest, and
 * the cache keeps the unpacked packages, so that one host gives the same image twice.
 */
const sourceLock = z.strictObject({
  debian: z.strictObject({
    suite: z.string(),
    base: z.array(z.string()),
    python: z.array(z.string()),
    toolchain: z.array(z.string()),
  }),
  npm: z.strictObject({ node22: nodeRelease, node24: nodeRelease }),
  python: z.strictObject({
    version: z.string(),
    wheels: z.array(z.strictObject({ name: z.string(), version: z.string(), sha256: perArchitecture(z.string()) })),
  }),
});
export type SourceLock = z.infer<typeof sourceLock>;
export type NodeRelease = z.infer<typeof nodeRelease>;
export type NpmPackage = z.infer<typeof npmPackage>;
export type Architecture = 'x64' | 'arm64';

/** Reads lock.json: from the sources, also when the program runs compiled. */
export async function readSourceLock(): Promise<SourceLock> {
  return sourceLock.parse(JSON.parse(await readFile(new URL('../../src/runtimes/lock.json', import.meta.url), 'utf8')));
}

/** A file of src/guest: what runs inside an environment is not compiled from TypeScript, so it is read from the sources. */
export function guestFile(name: string): URL {
  return new URL(`../../src/guest/${name}`, import.meta.url);
}
