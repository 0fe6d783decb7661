import { CloisterError } from '../errors.ts';

/**
 * What the host agent and PID 1 of an environment (init.c) say to each other on one stream socket, little endian.
 * Requests: u32 length of the rest, u8 operation, body. Replies: records of four u32: type, process id, a, b.
 */
export const initRecordBytes = 16;
const maxRequestBytes = 131_072;
const noStatus = 0xffff_ffff;
const operations = { start: 1, reset: 2, signal: 3 } as const;

export interface StartProcess {
  /** Chosen by the agent; unique among the processes that run. */
  readonly processId: number;
  readonly uid: number;
  readonly gid: number;
  readonly cwd: string;
  /** The first that exists and is executable is started, with its own path as its only argument. At most 16. */
  readonly candidates: readonly string[];
  /** The whole environment of the process. At most 4,096 variables. */
  readonly variables: Readonly<Record<string, string>>;
}

export type InitReply =
  /** `pid` is the process id inside the environment's pid namespace. */
  | { readonly type: 'started'; readonly processId: number; readonly pid: number }
  | { readonly type: 'exited'; readonly processId: number; readonly status: number | null; readonly signal: number | null }
  /** `errno` as the kernel numbers it. */
  | { readonly type: 'startFailed'; readonly processId: number; readonly errno: number }
  | { readonly type: 'resetDone' };

/** Bytes of a START request. Throws `BadMessage` when a string holds NUL or the request is over 128 KiB. */
export function encodeStart(process: StartProcess): Buffer {
  const variables = Object.entries(process.variables).map(([name, value]) => `${name}=${value}`);
  const strings = [process.cwd, ...process.candidates, ...variables];
  if (strings.some((text) => text.includes('\0'))) throw badRequest('a string of the process holds NUL');
  const head = Buffer.alloc(20);
  [process.processId, process.uid, process.gid, process.candidates.length, variables.length].forEach((value, index) => {
    head.writeUInt32LE(value, 4 * index);
  });
  return frame(operations.start, Buffer.concat([head, Buffer.from(strings.map((text) => `${text}\0`).join(''), 'utf8')]));
}

/** Bytes of a RESET request: kill everything but PID 1. */
export function encodeReset(): Buffer {
  return frame(operations.reset, Buffer.alloc(0));
}

/** Bytes of a SIGNAL request. A process that has ended meanwhile is left alone. */
export function encodeSignal(processId: number, signal: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(processId, 0);
  body.writeUInt32LE(signal, 4);
  return frame(operations.signal, body);
}

/** Decodes one 16-byte record. Throws `BadMessage` for an unknown type. */
export function decodeInitReply(record: Buffer): InitReply {
  const processId = record.readUInt32LE(4);
  const a = record.readUInt32LE(8);
  const b = record.readUInt32LE(12);
  switch (record.readUInt32LE(0)) {
    case 1:
      return { type: 'started', processId, pid: a };
    case 2:
      return { type: 'exited', processId, status: a === noStatus ? null : a, signal: b === 0 ? null : b };
    case 3:
      return { type: 'startFailed', processId, errno: a };
    case 4:
      return { type: 'resetDone' };
    default:
      throw new CloisterError('BadMessage', `unknown record type ${record.readUInt32LE(0)} from PID 1`, { operation: 'decodeInitReply' });
  }
}

function frame(operation: number, body: Buffer): Buffer {
  const sizeBytes = 1 + body.length;
  if (sizeBytes > maxRequestBytes) throw badRequest(`a request of ${sizeBytes} bytes is over ${maxRequestBytes}`);
  const head = Buffer.alloc(5);
  head.writeUInt32LE(sizeBytes, 0);
  head.writeUInt8(operation, 4);
  return Buffer.concat([head, body]);
}

function badRequest(message: string): CloisterError {
  return new CloisterError('BadMessage', message, { operation: 'encodeInitRequest' });
}
