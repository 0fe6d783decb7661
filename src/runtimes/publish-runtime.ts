import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { storeRuntimeImage } from './erofs-image.ts';
import { type RuntimeManifest, readManifest, runtimeManifest } from './runtime-manifest.ts';

/** Stores the image, then makes it the runtime of that name. A runtime that is the same already keeps its date. */
export async function publishRuntime(dataDir: string, image: string, facts: Omit<RuntimeManifest, 'digest' | 'createdAt'>): Promise<RuntimeManifest> {
  const digest = await storeRuntimeImage(dataDir, image);
  const present = await readManifest(dataDir, facts.name).catch(() => undefined);
  const createdAt = present?.digest === digest ? present.createdAt : new Date().toISOString();
  const manifest = runtimeManifest.parse({ ...facts, digest, createdAt });
  const directory = join(dataDir, 'runtimes');
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const path = join(directory, `${manifest.name}.json`);
  const partial = `${path}.${process.pid}.partial`;
  await using file = await open(partial, 'w', 0o644);
  await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
  await file.sync();
  await rename(partial, path);
  return manifest;
}
