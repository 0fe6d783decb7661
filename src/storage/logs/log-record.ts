/** One log event as it is stored: a line of JSON. */
export interface LogRecord {
  /** Grows by one with every event of a group. */
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
  /** When it was taken in; left out where that is its timestamp. */
  readonly ingestionTime?: number;
}

/** A place in a group's events. Events are in the order of time, those of one millisecond in the order of sequence. */
export interface LogPosition {
  readonly timestamp: number;
  readonly sequence: number;
}

/** The first line of a file. */
export interface LogFileHeader {
  readonly logStream: string;
  /** When the stream was made. */
  readonly createdAt: number;
}

export function encodeLogRecord({ sequence, timestamp, message, ingestionTime }: LogRecord): string {
  const members = [sequence, timestamp, message];
  if (ingestionTime !== undefined && ingestionTime !== timestamp) members.push(ingestionTime);
  return `${JSON.stringify(members)}\n`;
}

export function encodeLogFileHeader(header: LogFileHeader): string {
  return `${JSON.stringify(header)}\n`;
}

/** Undefined for a line that is no header. */
export function decodeLogFileHeader(line: Buffer): LogFileHeader | undefined {
  const value = parse(line) as Partial<LogFileHeader> | undefined | null;
  if (typeof value?.logStream !== 'string' || typeof value.createdAt !== 'number') return undefined;
  return { logStream: value.logStream, createdAt: value.createdAt };
}

/** A line's record; undefined for a header, and for what a crash or a failed write left torn. */
export function decodeLogRecord(line: Buffer): LogRecord | undefined {
  const value = parse(line);
  if (!Array.isArray(value)) return undefined;
  const [sequence, timestamp, message, ingestionTime] = value as unknown[];
  if (typeof sequence !== 'number' || typeof timestamp !== 'number' || typeof message !== 'string') return undefined;
  return { sequence, timestamp, message, ...(typeof ingestionTime === 'number' ? { ingestionTime } : {}) };
}

/** So many bytes of a line hold what `positionOfLine` reads. */
export const linePositionBytes = 40;

/** Sequence and timestamp from a line's beginning, without parsing the line. */
export function positionOfLine(beginning: Buffer): LogPosition | undefined {
  const match = /^\[(\d{1,16}),(\d{1,16}),"/.exec(beginning.toString('latin1', 0, linePositionBytes));
  return match === null ? undefined : { sequence: Number(match[1]), timestamp: Number(match[2]) };
}

/** The last whole record of a file's tail; undefined when there is none. */
export function lastRecord(bytes: Buffer): LogRecord | undefined {
  for (let end = bytes.lastIndexOf(0x0a); end > 0; ) {
    const before = bytes.lastIndexOf(0x0a, end - 1);
    const record = decodeLogRecord(bytes.subarray(before + 1, end));
    if (record !== undefined) return record;
    end = before;
  }
  return undefined;
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString());
  } catch {
    return undefined;
  }
}
