import { CloisterError } from '../errors.ts';

/**
 * What the host agent and PID 1 of an environment (init.c) say to each other on one stream socket, little endian.
 * Requests: u32 length of the rest, u8 operation, body. Replies: records of four u32: type, process id, a, b; names follow the record of a list.
 */
const initRecordBytes = 16;
/** 64 names of a directory, each of at most 255 bytes and its NUL. */
const maxNamesBytes = 16_384;
const maxRequestBytes = 131_072;
const listed = 5;
const noStatus = 0xffff_ffff;
const operations = { start: 1, reset: 2, signal: 3, list: 4, startExtension: 5 } as const;

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
  /** Where its standard output and error go: the runtime's two pipes, or the one of all extensions. */
  readonly output: 'runtime' | 'extension';
}

export interface ListDirectory {
  /** Comes back with the answer. */
  readonly listId: number;
  /** Who looks. */
  readonly uid: number;
  readonly gid: number;
  readonly directory: string;
}

export type InitReply =
  /** `pid` is the process id inside the environment's pid namespace. */
  | { readonly type: 'started'; readonly processId: number; readonly pid: number }
  | { readonly type: 'exited'; readonly processId: number; readonly status: number | null; readonly signal: number | null }
  /** `errno` as the kernel numbers it. */
  | { readonly type: 'startFailed'; readonly processId: number; readonly errno: number }
  | { readonly type: 'resetDone' }
  /** `errno` 0: that is all there is, but for what is beyond 64. SECURITY: a stranger's bytes, not in any order. */
  | { readonly type: 'listed'; readonly listId: number; readonly errno: number; readonly names: readonly string[] };

/** Bytes of a START or START EXTENSION request. Throws `BadMessage` when a string holds NUL or the request is over 128 KiB. */
export function encodeStart(process: StartProcess): Buffer {
  const variables = Object.entries(process.variables).map(([name, value]) => `${name}=${value}`);
  const strings = [process.cwd, ...process.candidates, ...variables];
  if (strings.some((text) => text.includes('\0'))) throw badRequest('a string of the process holds NUL');
  const head = Buffer.alloc(20);
  [process.processId, process.uid, process.gid, process.candidates.length, variables.length].forEach((value, index) => {
    head.writeUInt32LE(value, 4 * index);
  });
  const operation = process.output === 'extension' ? operations.startExtension : operations.start;
  return frame(operation, Buffer.concat([head, Buffer.from(strings.map((text) => `${text}\0`).join(''), 'utf8')]));
}

/** Bytes of a RESET request: kill everything but PID 1. */
export function encodeReset(): Buffer {
  return frame(operations.reset, Buffer.alloc(0));
}

/** Bytes of a SIGNAL request, to the process and its group. A process that has ended meanwhile is left alone. */
export function encodeSignal(processId: number, signal: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(processId, 0);
  body.writeUInt32LE(signal, 4);
  return frame(operations.signal, body);
}

/** Bytes of a LIST request: the files and links directly in a directory. */
export function encodeList({ listId, uid, gid, directory }: ListDirectory): Buffer {
  const head = Buffer.alloc(12);
  [listId, uid, gid].forEach((value, index) => {
    head.writeUInt32LE(value, 4 * index);
  });
  return frame(operations.list, Buffer.concat([head, Buffer.from(`${directory}\0`, 'utf8')]));
}

/** How many bytes the reply takes that `bytes` begins with; undefined as long as that is not known. Throws `BadMessage` for one that is too long. */
export function initReplyBytes(bytes: Buffer): number | undefined {
  if (bytes.length < initRecordBytes) return undefined;
  const namesBytes = bytes.readUInt32LE(0) === listed ? bytes.readUInt32LE(12) : 0;
  if (namesBytes > maxNamesBytes) throw new CloisterError('BadMessage', `${namesBytes} bytes of names from PID 1`, { operation: 'decodeInitReply' });
  return initRecordBytes + namesBytes;
}

/** Decodes one reply, of exactly `initReplyBytes`. Throws `BadMessage` for an unknown type. */
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
    case listed:
      return { type: 'listed', listId: processId, errno: a, names: record.toString('latin1', initRecordBytes).split('\0').slice(0, -1) };
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
