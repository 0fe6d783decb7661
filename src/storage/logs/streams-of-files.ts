import type { StoredLogStream } from '../../control-api/logs/log-storage.ts';
import type { LogFile } from './log-file.ts';

/** The log streams whose files these are. */
export function streamsOfFiles(files: readonly LogFile[]): StoredLogStream[] {
  const streams = new Map<string, StoredLogStream>();
  for (const file of files) streams.set(file.logStream, merge(streams.get(file.logStream), file));
  return [...streams.values()];
}

function merge(known: StoredLogStream | undefined, file: LogFile): StoredLogStream {
  const { logStream: name, createdAt, first, last, lastIngestionTime } = file;
  const stream = known ?? { name, createdAt };
  if (first === undefined || last === undefined) return stream;
  return {
    name,
    createdAt: Math.min(stream.createdAt, createdAt),
    firstTimestamp: Math.min(stream.firstTimestamp ?? first.timestamp, first.timestamp),
    lastTimestamp: Math.max(stream.lastTimestamp ?? 0, last.timestamp),
    lastIngestionTime: Math.max(stream.lastIngestionTime ?? 0, lastIngestionTime),
  };
}
