import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runCommand } from '../linux/run-command.ts';
import { imagePath } from './runtime-manifest.ts';

/** Makes an erofs image whose bytes depend on names, modes and contents alone: no owner, time, attribute or random id goes in. */
export async function makeErofsImage(directory: string, image: string): Promise<void> {
  const fixed = ['--all-root', '-x-1', '-T0', '-U', '00000000-0000-4000-8000-000000000001', '-zlz4', '--quiet'];
  await runCommand('mkfs.erofs', [...fixed, image, directory], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
}

/** Puts an image into the store of runtime images under its digest, which is the answer. */
export async function storeRuntimeImage(dataDir: string, image: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(image), hash);
  const digest = hash.digest('hex');
  const stored = imagePath(dataDir, digest);
  await mkdir(join(dataDir, 'images', 'runtimes'), { recursive: true, mode: 0o700 });
  const partial = `${stored}.${process.pid}.partial`;
  await copyFile(image, partial);
  await chmod(partial, 0o400);
  await using file = await open(partial, 'r');
  // ORDER: the bytes are on the disk before the name is: a digest never names half an image.
  await file.sync();
  await rename(partial, stored);
  return digest;
}
