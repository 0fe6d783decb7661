import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { CloisterError } from '../errors.ts';

// The first moment that a zip's own time format can say: the same files give the same bytes.
const mtime = new Date(1980, 0, 1);
const executableBits = 0o111;
const symbolicLink = 0o120777;

/** A directory's files as a zip: sorted, times fixed, executable bits and symbolic links kept. */
export async function zipDirectory(directory: string): Promise<Buffer> {
  const zip = new ZipFile();
  const bytes = buffer(zip.outputStream);
  let files = 0;
  for await (const { path, name, stat } of walk(directory, '')) {
    files += 1;
    if (stat.isSymbolicLink()) zip.addBuffer(Buffer.from(await readlink(path)), name, { mtime, mode: symbolicLink, forceDosTimestamp: true });
    else addFile(zip, path, name, stat);
  }
  if (files === 0) throw new CloisterError('ArchiveInvalid', 'the directory holds no file', { operation: 'zip', path: directory });
  zip.end();
  return bytes;
}

/** The archive to deploy from `path`: a directory is zipped, a file is taken as it is. */
export async function readArchive(path: string): Promise<Buffer> {
  try {
    const stat = await lstat(path);
    if (stat.isDirectory()) return await zipDirectory(path);
    return await buffer(createReadStream(path));
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause;
    throw new CloisterError('ArchiveInvalid', `it could not be read: ${(cause as Error).message}`, { operation: 'read archive', path, cause });
  }
}

function addFile(zip: ZipFile, path: string, name: string, stat: Stats): void {
  const mode = (stat.mode & executableBits) === 0 ? 0o100644 : 0o100755;
  // The size is stated so that a file that changes meanwhile is an error and not a damaged archive.
  zip.addReadStreamLazy(name, { mtime, mode, size: stat.size, forceDosTimestamp: true }, (ready) => ready(null, createReadStream(path)));
}

async function* walk(directory: string, prefix: string): AsyncGenerator<{ readonly path: string; readonly name: string; readonly stat: Stats }> {
  const entries = await readdir(directory);
  for (const entry of entries.toSorted()) {
    const path = join(directory, entry);
    const name = prefix + entry;
    const stat = await lstat(path);
    if (stat.isDirectory()) yield* walk(path, `${name}/`);
    else if (stat.isFile() || stat.isSymbolicLink()) yield { path, name, stat };
    else throw new CloisterError('ArchiveInvalid', 'only files, directories and symbolic links can be deployed', { operation: 'zip', path });
  }
}
