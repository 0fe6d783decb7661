/** One log event as it is stored: a line of JSON. */
export interface LogRecord {
  /** Grows by one with every event of a group. */
  readonly sequence: number;
  readonly timestamp: number;
  readonly message: string;
}

export function encodeLogRecord(record: LogRecord): string {
  return `${JSON.stringify([record.sequence, record.timestamp, record.message])}\n`;
}

/** The whole records of a file's bytes from `afterSequence` on. What a crash left torn, at the end or before a failed write's rest, is left out. */
export function* decodeLogRecords(bytes: Buffer, afterSequence = 0): Generator<LogRecord> {
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    const line = bytes.subarray(start, end);
    start = end + 1;
    if (sequenceOf(line) <= afterSequence) continue;
    const record = decodeLine(line);
    if (record !== undefined) yield record;
  }
}

/** The last whole record's sequence; undefined when there is none. */
export function lastSequence(bytes: Buffer): number | undefined {
  for (let end = bytes.lastIndexOf(0x0a); end > 0; ) {
    const before = bytes.lastIndexOf(0x0a, end - 1);
    const record = decodeLine(bytes.subarray(before + 1, end));
    if (record !== undefined) return record.sequence;
    end = before;
  }
  return undefined;
}

/** Reads the number after the bracket without parsing the line; NaN, which no comparison passes over, when there is none. */
function sequenceOf(line: Buffer): number {
  return Number.parseInt(line.toString('latin1', 1, 18), 10);
}

function decodeLine(line: Buffer): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(line.toString());
    if (!Array.isArray(value)) return undefined;
    const [sequence, timestamp, message] = value as unknown[];
    if (typeof sequence !== 'number' || typeof timestamp !== 'number' || typeof message !== 'string') return undefined;
    return { sequence, timestamp, message };
  } catch {
    return undefined;
  }
}
