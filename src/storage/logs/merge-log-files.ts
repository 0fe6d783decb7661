import type { LogFile } from './log-file.ts';
import { LogFileCursor } from './log-file-cursor.ts';
import type { LogPosition, LogRecord } from './log-record.ts';

/** Which records of some files, and in which order. */
export interface LogRange {
  readonly direction: 'forward' | 'backward';
  /** By time, or by the order of writing. */
  readonly order: 'time' | 'sequence';
  /** Records after this place only. */
  readonly after: LogPosition;
  /** Records before this place only. */
  readonly before: LogPosition;
}

export interface MergedRecord {
  readonly record: LogRecord;
  readonly logStream: string;
  /** What was read of files for it. */
  readonly readBytes: number;
}

/** All open blocks together take about this much. */
const allBlocksBytes = 8 * 1024 * 1024;
const largestBlockBytes = 32 * 1024;
const smallestBlockBytes = 2 * 1024;

export const afterAll: LogPosition = { timestamp: Number.POSITIVE_INFINITY, sequence: Number.POSITIVE_INFINITY };

export function comparePositions(one: LogPosition, other: LogPosition): number {
  return one.timestamp - other.timestamp || one.sequence - other.sequence;
}

/** Records of all the files in one order. Files are opened as their time comes and read block by block: what is held does not grow with the logs. */
export async function* mergeLogFiles(files: readonly LogFile[], range: LogRange): AsyncGenerator<MergedRecord> {
  const { direction, after, before } = range;
  const compare = range.order === 'time' ? comparePositions : (one: LogPosition, other: LogPosition) => one.sequence - other.sequence;
  // The comparison in the direction of reading.
  const ahead = direction === 'forward' ? compare : (one: LogPosition, other: LogPosition) => compare(other, one);
  const beginning = ({ first, last }: LogFile) => (direction === 'forward' ? first : last) as LogPosition;
  const waiting = files
    .filter(({ first, last }) => first !== undefined && last !== undefined && compare(last, after) > 0 && compare(first, before) < 0)
    .sort((one, other) => ahead(beginning(one), beginning(other)));
  const blockBytes = Math.min(largestBlockBytes, Math.max(smallestBlockBytes, Math.floor(allBlocksBytes / Math.max(1, waiting.length))));
  const open: LogFileCursor[] = [];
  const enter = (cursor: LogFileCursor) => {
    const { position } = cursor;
    if (position === undefined) return;
    if (direction === 'forward' ? compare(position, before) >= 0 : compare(position, after) <= 0) return;
    let index = 0;
    while (index < open.length && ahead(open[index]?.position as LogPosition, position) < 0) index += 1;
    open.splice(index, 0, cursor);
  };
  const admit = async (file: LogFile) => {
    const cursor = new LogFileCursor(file, { direction, blockBytes });
    const isInside = direction === 'forward' ? compare(file.first as LogPosition, after) > 0 : compare(file.last as LogPosition, before) < 0;
    if (isInside) await cursor.begin();
    else await cursor.seek(direction === 'forward' ? (position) => compare(position, after) > 0 : (position) => compare(position, before) >= 0);
    enter(cursor);
  };
  for (;;) {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const position = open[0]?.position;
      if (position !== undefined && ahead(position, beginning(next)) <= 0) break;
      waiting.shift();
      await admit(next);
    }
    const cursor = open.shift();
    if (cursor === undefined) return;
    const record = await cursor.read();
    const readBytes = cursor.lineBytes;
    if (record !== undefined) yield { record, logStream: cursor.file.logStream, readBytes };
    await cursor.advance();
    enter(cursor);
  }
}
