import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** A limit of the Runtime API that an environment can exceed, and does not outlive; the words are for its log and its client. */
export const surfaceLimits = {
  connections: 'it kept opening connections beyond 32 to the Runtime API',
  malformed: 'it kept sending the Runtime API requests that were malformed, incomplete, dripped or over 16 KiB of headers',
  pipelining: 'it sent the Runtime API more than 8 requests on one connection without waiting for answers',
  unread: 'it did not read the answers of the Runtime API',
  share: 'it used more of the Runtime API than its share',
} as const;

export type SurfaceLimit = keyof typeof surfaceLimits;

/** A budget of the daemon's time in microseconds that time refills: `spend` returns for how many milliseconds nothing more may be done. */
export interface DaemonShare {
  spend(microseconds: number): number;
  earn(microseconds: number): void;
}

export interface SurfaceGuardOptions {
  readonly share: DaemonShare;
  readonly schedule: (delayMs: number, task: () => void) => void;
  /** Called once. The environment is to end, and nothing more of it to be read. */
  readonly onExceeded: (limit: SurfaceLimit) => void;
}

/** What things cost the daemon's one thread, in microseconds, rather more than less. */
const connectionCostUs = 100;
const requestCostUs = 150;
const readCostUs = 10;
const pieceCostUs = 2;
const costUsPerByte = 0.001;

/** An invocation pays for what it needs: a few requests, and a body of 6 MiB. */
const earnedByEventUs = 10_000;

/** A debt that takes longer than this to pay is not waited for. */
const maxWaitMs = 1_000;

/** Short holds would cost more than they keep off. */
const minHoldMs = 20;

/** How often an environment may be held back, drop connections or break requests before it ends; an invocation forgives. */
const maxHeld = 1_000;
const maxDropped = 64;
const maxMalformed = 64;
const maxOpenRequests = 8;
const maxUnreadBytes = 1024 * 1024;
/** What the parser is given at once. */
const sliceBytes = 8 * 1024;
/** A head of 16 KiB comes in one piece, or a few. */
const maxReadsOfHead = 64;

interface Connection {
  openRequests: number;
  readsSinceRequest: number;
  /** Over the share. */
  isHeld: boolean;
  /** Whoever takes the body can take no more of it now. */
  isStalled: boolean;
  /** What comes is a streamed response. */
  isStreaming: boolean;
  /** Resumed when neither holds nor stalls any more. */
  readonly paused: Set<Readable>;
}

/**
 * Bounds what one environment's Runtime API takes of the daemon. SECURITY: the daemon has one thread for all environments. Whoever is over its share is
 * held back by not being answered or read; whoever goes on costing all the same ends.
 */
export class SurfaceGuard {
  readonly #options: SurfaceGuardOptions;
  readonly #connections = new WeakMap<Socket, Connection>();
  #held = 0;
  #dropped = 0;
  #malformed = 0;
  #isExceeded = false;

  constructor(options: SurfaceGuardOptions) {
    this.#options = options;
  }

  /** An event has been handed out. */
  invoked(): void {
    this.#held = 0;
    this.#dropped = 0;
    this.#malformed = 0;
    this.#options.share.earn(earnedByEventUs);
  }

  /** Stands between a connection, from its first byte on, and the HTTP parser that node:http has attached to it. */
  connected(socket: Socket): void {
    const connection: Connection = { openRequests: 0, readsSinceRequest: 0, isHeld: false, isStalled: false, isStreaming: false, paused: new Set() };
    this.#connections.set(socket, connection);
    this.#spend(connectionCostUs);
    const parsers = socket.listeners('data') as ((chunk: Buffer) => void)[];
    socket.removeAllListeners('data');
    const parse = (slice: Buffer) => {
      for (const parser of parsers) parser.call(socket, slice);
    };
    socket.on('data', (chunk: Buffer) => this.#read(socket, connection, { chunk, parse }));
  }

  /** A connection beyond the 32nd was closed. */
  dropped(): void {
    this.#dropped += 1;
    if (this.#dropped > maxDropped) this.#exceed('connections');
    else this.#spend(connectionCostUs);
  }

  /** Bytes that are no request, or not in time. */
  malformed(): void {
    this.#malformed += 1;
    if (this.#malformed > maxMalformed) this.#exceed('malformed');
    else this.#spend(requestCostUs);
  }

  /** Runs `handle` now, later when the environment is over its share, or never when it ends here. */
  admit(request: IncomingMessage, response: ServerResponse, handle: () => void): void {
    if (this.#isExceeded) return;
    this.#opened(request.socket, response);
    const waitMs = this.#spend(requestCostUs);
    if (waitMs === 0) {
      if (!this.#isExceeded) handle();
      return;
    }
    this.#countHeld();
    if (this.#isExceeded) return;
    this.#options.schedule(waitMs, () => {
      if (!this.#isExceeded && !request.destroyed) handle();
    });
  }

  /** A piece of a body came: over the share, the next one waits. */
  received(request: IncomingMessage): void {
    const waitMs = this.#spend(pieceCostUs);
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return;
    connection.readsSinceRequest = 0;
    if (waitMs > 0) this.#hold(connection, waitMs, [request.socket, request]);
  }

  /** The body that comes is a streamed response: it may be held as often as it is over the share, for as long as its invocation takes. */
  streams(request: IncomingMessage): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return;
    connection.isStreaming = true;
    request.once('close', () => {
      connection.isStreaming = false;
    });
  }

  /** Nothing more of a body, nor of its connection, is read until `unstall`. */
  stall(request: IncomingMessage): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return;
    connection.isStalled = true;
    pause(connection, [request.socket, request]);
  }

  unstall(request: IncomingMessage): void {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return;
    connection.isStalled = false;
    release(connection);
  }

  #read(socket: Socket, connection: Connection, { chunk, parse }: { readonly chunk: Buffer; readonly parse: (slice: Buffer) => void }): void {
    if (this.#isExceeded) return;
    // node:http reads on when a request is wanted, whatever we hold.
    if (isPaused(connection)) {
      putBack(socket, chunk);
      return;
    }
    connection.readsSinceRequest += 1;
    if (connection.openRequests === 0 && connection.readsSinceRequest > maxReadsOfHead) {
      socket.destroy();
      this.malformed();
      return;
    }
    const waitMs = this.#spend(readCostUs + chunk.length * costUsPerByte);
    // SECURITY: a read may hold thousands of requests, or of pieces of a body, and the parser does not stop in the middle of what it is given.
    let start = 0;
    while (start < chunk.length && !this.#isExceeded && !socket.destroyed && !isPaused(connection)) {
      parse(chunk.subarray(start, start + sliceBytes));
      start += sliceBytes;
    }
    if (this.#isExceeded || socket.destroyed) return;
    if (waitMs > 0) this.#hold(connection, waitMs, [socket]);
    if (start < chunk.length) putBack(socket, chunk.subarray(start));
  }

  /** Reads no more of the connection until time has paid. */
  #hold(connection: Connection, waitMs: number, streams: readonly Readable[]): void {
    if (connection.isHeld || this.#isExceeded) return;
    if (!connection.isStreaming) this.#countHeld();
    connection.isHeld = true;
    pause(connection, streams);
    this.#options.schedule(Math.max(waitMs, minHoldMs), () => {
      connection.isHeld = false;
      release(connection);
    });
  }

  #opened(socket: Socket, response: ServerResponse): void {
    if (socket.writableLength > maxUnreadBytes) this.#exceed('unread');
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.readsSinceRequest = 0;
    connection.openRequests += 1;
    if (connection.openRequests > maxOpenRequests) this.#exceed('pipelining');
    response.once('close', () => {
      connection.openRequests -= 1;
      connection.readsSinceRequest = 0;
    });
  }

  #countHeld(): void {
    this.#held += 1;
    if (this.#held > maxHeld) this.#exceed('share');
  }

  #spend(microseconds: number): number {
    const waitMs = this.#options.share.spend(microseconds);
    if (waitMs > maxWaitMs) this.#exceed('share');
    return waitMs;
  }

  #exceed(limit: SurfaceLimit): void {
    if (this.#isExceeded) return;
    this.#isExceeded = true;
    this.#options.onExceeded(limit);
  }
}

function isPaused({ isHeld, isStalled }: Connection): boolean {
  return isHeld || isStalled;
}

function pause({ paused }: Connection, streams: readonly Readable[]): void {
  for (const stream of streams) {
    stream.pause();
    paused.add(stream);
  }
}

function release(connection: Connection): void {
  if (isPaused(connection)) return;
  for (const stream of connection.paused) stream.resume();
  connection.paused.clear();
}

/** ORDER: paused first, or it would come back at once. */
function putBack(socket: Socket, bytes: Buffer): void {
  socket.pause();
  socket.unshift(bytes);
}
