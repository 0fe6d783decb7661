import { open } from 'node:fs/promises';
import { dataExtents } from '../linux/data-extents.ts';

const chunkBytes = 4 * 1024 * 1024;

/** Looks for bytes in a file, hole by hole: only what is stored is read. The file is read from the disk's side of a mounted volume. */
export async function searchFile(path: string, wanted: Buffer): Promise<{ readonly found: boolean; readonly searchedBytes: number }> {
  await using file = await open(path, 'r');
  let searchedBytes = 0;
  for (const { offset, length } of dataExtents(file.fd)) {
    let rest = Buffer.alloc(0);
    for (let at = offset; at < offset + length; at += chunkBytes) {
      const chunk = Buffer.alloc(Math.min(chunkBytes, offset + length - at));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      searchedBytes += bytesRead;
      const joined = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      if (joined.includes(wanted)) return { found: true, searchedBytes };
      rest = joined.subarray(Math.max(0, joined.length - wanted.length + 1));
    }
  }
  return { found: false, searchedBytes };
}
