import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { lastSequence } from './log-record.ts';

/** One file of a log stream. Its name holds the stream and the sequence of its first record, so that it need not be opened to be placed. */
export interface LogFile {
  readonly path: string;
  readonly logStream: string;
  readonly firstSequence: number;
  lastSequence: number;
  sizeBytes: number;
}

const namePattern = /^s-([A-Za-z0-9%!'()*._~-]+)\.(\d{1,16})\.log$/;

/** A record may take this much: the longest line with every byte escaped. */
const maxRecordBytes = 2 * 1024 * 1024;
const usualTailBytes = 64 * 1024;

export function newLogFile(directory: string, logStream: string, firstSequence: number): LogFile {
  const path = join(directory, `s-${encodeURIComponent(logStream)}.${firstSequence}.log`);
  return { path, logStream, firstSequence, lastSequence: firstSequence - 1, sizeBytes: 0 };
}

/** The log files of a group's directory; none when there is no such directory. Files without a whole record are removed. */
export async function scanLogFiles(directory: string): Promise<LogFile[]> {
  const files: LogFile[] = [];
  for (const name of await namesIn(directory)) {
    const match = namePattern.exec(name);
    if (match === null) continue;
    const [, encoded = '', first = ''] = match;
    const path = join(directory, name);
    const { sizeBytes, last } = await measure(path);
    if (last === undefined) await unlink(path);
    else files.push({ path, logStream: decodeURIComponent(encoded), firstSequence: Number(first), lastSequence: last, sizeBytes });
  }
  return files;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function measure(path: string): Promise<{ sizeBytes: number; last: number | undefined }> {
  await using handle = await open(path, 'r');
  const { size } = await handle.stat();
  for (const tailBytes of [usualTailBytes, maxRecordBytes]) {
    const position = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, tailBytes)), 0, Math.min(size, tailBytes), position);
    const last = lastSequence(buffer.subarray(0, bytesRead));
    if (last !== undefined) return { sizeBytes: size, last };
  }
  return { sizeBytes: size, last: undefined };
}
