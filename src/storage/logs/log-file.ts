import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeLogFileHeader, type LogPosition, lastRecord, linePositionBytes, positionOfLine } from './log-record.ts';

/**
 * One file of a log stream. Within it sequence and time never go back, so that a place is found by halving and no index is kept: an event that is
 * older than the one before it begins a new file.
 */
export interface LogFile {
  readonly path: string;
  readonly logStream: string;
  /** When the stream was made. */
  readonly createdAt: number;
  /** Undefined while there is no event in it. */
  first: LogPosition | undefined;
  last: LogPosition | undefined;
  lastIngestionTime: number;
  sizeBytes: number;
  /** Whole to its last byte, so that more may be appended. */
  isWhole: boolean;
  /** Some writer holds it. */
  isOpen: boolean;
  isRemoved: boolean;
}

const namePattern = /^([sh])-([A-Za-z0-9%!'()*._~-]+)\.(\d{1,16})\.log$/;

/** A record may take this much: the longest event with every byte escaped. */
const maxRecordBytes = 7 * 1024 * 1024;
const headBytes = 8 * 1024;
const usualTailBytes = 4 * 1024;
/** File names end at 255 bytes. */
const maxNameCharacters = 200;
/** What a file counts at least in every limit: small ones cost inodes and the time to look into them. */
const minCountedBytes = 16 * 1024;

/** The file's share of its group's, account's and host's limits. */
export const countedBytes = ({ sizeBytes }: LogFile): number => Math.max(sizeBytes, minCountedBytes);

/** A file that is about to be begun. Its name holds the sequence of its first record, so that no two are the same. */
export function newLogFile(directory: string, options: { logStream: string; createdAt: number; firstSequence: number }): LogFile {
  const { logStream, createdAt, firstSequence } = options;
  const encoded = encodeURIComponent(logStream.toWellFormed());
  const name = encoded.length <= maxNameCharacters ? `s-${encoded}` : `h-${createHash('sha256').update(logStream).digest('hex')}`;
  const path = join(directory, `${name}.${firstSequence}.log`);
  const state = { sizeBytes: 0, isWhole: true, isOpen: false, isRemoved: false };
  return { path, logStream, createdAt, first: undefined, last: undefined, lastIngestionTime: 0, ...state };
}

/** The log files of a group's directory, in the order they were begun. Files without a whole line are removed. */
export async function scanLogFiles(directory: string, names: readonly string[]): Promise<LogFile[]> {
  const files: { readonly begun: number; readonly file: LogFile }[] = [];
  for (const name of names) {
    const match = namePattern.exec(name);
    if (match === null) continue;
    const [, form, encoded = '', begun] = match;
    const path = join(directory, name);
    const file = await measure(path, form === 's' ? decodeURIComponent(encoded) : undefined);
    if (file === undefined) await unlink(path);
    else files.push({ begun: Number(begun), file });
  }
  return files.sort((one, other) => one.begun - other.begun).map(({ file }) => file);
}

/** The names in a directory; none when there is no such directory. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function measure(path: string, nameOfStream: string | undefined): Promise<LogFile | undefined> {
  await using handle = await open(path, 'r');
  const { size } = await handle.stat();
  const head = await readBytes(handle, { position: 0, length: Math.min(size, headBytes) });
  const lineEnd = head.indexOf(0x0a);
  const header = lineEnd < 0 ? undefined : decodeLogFileHeader(head.subarray(0, lineEnd));
  const logStream = header?.logStream ?? nameOfStream;
  const last = await lastIn(handle, size);
  const lastByte = await readBytes(handle, { position: Math.max(0, size - 1), length: 1 });
  if (logStream === undefined || (header === undefined && last === undefined)) return undefined;
  return {
    path,
    logStream,
    createdAt: header?.createdAt ?? firstIn(head)?.timestamp ?? 0,
    first: last === undefined ? undefined : (firstIn(head) ?? last),
    last,
    lastIngestionTime: last?.ingestionTime ?? last?.timestamp ?? 0,
    sizeBytes: size,
    isWhole: lastByte[0] === 0x0a,
    isOpen: false,
    isRemoved: false,
  };
}

function firstIn(head: Buffer): LogPosition | undefined {
  for (let start = 0; start >= 0 && start < head.length; ) {
    const position = positionOfLine(head.subarray(start, start + linePositionBytes));
    if (position !== undefined) return position;
    const end = head.indexOf(0x0a, start);
    start = end < 0 ? -1 : end + 1;
  }
  return undefined;
}

async function lastIn(handle: FileHandle, size: number) {
  for (const tailBytes of [usualTailBytes, maxRecordBytes]) {
    const length = Math.min(size, tailBytes);
    const last = lastRecord(await readBytes(handle, { position: size - length, length }));
    if (last !== undefined || length === size) return last;
  }
  return undefined;
}

async function readBytes(handle: FileHandle, { position, length }: { position: number; length: number }): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
