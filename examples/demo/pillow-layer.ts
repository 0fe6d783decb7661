import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { fromBufferPromise } from 'yauzl';
import { ZipFile } from 'yazl';
import { run } from './process-group.ts';

const requirements = fileURLToPath(new URL('../thumbnail/layer/requirements.txt', import.meta.url));
const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const mtime = new Date(1980, 0, 1);

/** Pillow from PyPI as a layer: the files of its wheel below `python/`. Fetched once; the hashes in requirements.txt say which wheel it must be. */
export async function pillowLayer(cacheDirectory: string, signal: AbortSignal): Promise<Buffer> {
  const wheels = join(cacheDirectory, `wheels-${machine}`);
  if (!existsSync(wheels)) await download(wheels, signal);
  const names = (await readdir(wheels)).filter((name) => name.endsWith('.whl'));
  const zip = new ZipFile();
  const bytes = buffer(zip.outputStream);
  for (const name of names.toSorted()) await addWheel(zip, await readFile(join(wheels, name)));
  zip.end();
  const layer = await bytes;
  await writeFile(join(cacheDirectory, 'pillow-layer.zip'), layer);
  return layer;
}

async function download(wheels: string, signal: AbortSignal): Promise<void> {
  const draft = `${wheels}.part`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const target = ['--python-version', '3.13', '--implementation', 'cp', '--abi', 'cp313', '--platform', `manylinux_2_28_${machine}`];
  const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--require-hashes', '--dest', draft];
  await run('/usr/bin/python3', ['-m', 'pip', 'download', ...options, ...target, '--requirement', requirements], {
    environment: process.env,
    signal,
  });
  // By rename, so that a download which was stopped is not taken for a whole one.
  await rename(draft, wheels);
}

async function addWheel(zip: ZipFile, wheel: Buffer): Promise<void> {
  const archive = await fromBufferPromise(wheel);
  for await (const entry of archive.eachEntry()) {
    if (entry.fileName.endsWith('/')) continue;
    const content = await buffer(await archive.openReadStreamPromise(entry));
    zip.addBuffer(content, `python/${entry.fileName}`, { mtime, mode: 0o100644, forceDosTimestamp: true });
  }
}
