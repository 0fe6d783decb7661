import type { IncomingMessage } from 'node:http';
import { PendingPieces } from './pending-pieces.ts';
import type { SurfaceGuard } from './surface-guard.ts';

/** How a streamed response ended. */
export type StreamEnd =
  | { readonly kind: 'whole' }
  /** By trailers of the runtime. `errorType` is whatever it says: Lambda takes any string here. */
  | { readonly kind: 'failed'; readonly errorType: string; readonly payload: Buffer }
  /** The runtime's connection ended before the body did. */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'tooLarge'; readonly maxBytes: number };

/** A budget of bytes: `spend` returns for how many milliseconds nothing more may be passed on. */
export interface Bandwidth {
  spend(bytes: number): number;
}

/** What a streamed response may be. */
export interface StreamLimits {
  readonly maxBytes: number;
  /** A new budget for each response; absent, nothing is held back. */
  readonly bandwidth?: () => Bandwidth;
}

/** A response on its way: it leaves as it comes, and comes as fast as it is read. */
export interface ResponseStream {
  /** As the runtime named it. */
  readonly contentType: string | undefined;
  /** To be read once: the runtime's socket waits for whoever reads. It never throws; what a reader leaves unread is thrown away as it comes. */
  readonly body: AsyncIterable<Buffer>;
  /** Of the body, so far. */
  readonly receivedBytes: number;
  /** Known when the body has come to its end and has been read, or left. */
  readonly ended: Promise<StreamEnd>;
  /** Ends the body in the middle, and the runtime's connection with it. */
  abort(): void;
}

export interface ResponseStreamOptions {
  readonly request: IncomingMessage;
  readonly guard: SurfaceGuard;
  readonly limits: StreamLimits;
  readonly schedule: (delayMs: number, task: () => void) => void;
}

/** So much of a body is held for a reader who is slower than the runtime, before the runtime's socket waits. */
const maxPendingBytes = 64 * 1_024;

/** Beyond its limit a body is read on and thrown away up to this, so that its sender gets to read the answer. */
const maxDiscardedBytes = 64 * 1_024 * 1_024;

/** The body of a runtime's request as a stream that holds no more than a few pieces of it. */
export class RequestStream implements ResponseStream {
  readonly contentType: string | undefined;
  readonly body: AsyncIterable<Buffer>;
  readonly ended: Promise<StreamEnd>;
  readonly #options: ResponseStreamOptions;
  readonly #pending = new PendingPieces();
  readonly #settle: (end: StreamEnd) => void;
  #end: StreamEnd | undefined;
  #receivedBytes = 0;
  #isStalled = false;
  /** Nobody reads any more. */
  #isLeft = false;
  #wake: () => void = () => {};

  constructor(options: ResponseStreamOptions) {
    const { request } = options;
    this.#options = options;
    this.contentType = request.headers['content-type'];
    const ended = Promise.withResolvers<StreamEnd>();
    this.ended = ended.promise;
    this.#settle = ended.resolve;
    this.body = this.#read();
    options.guard.streams(request);
    request.on('data', (piece: Buffer) => this.#received(piece));
    request.on('end', () => this.#stop(endOf(request)));
    request.on('error', () => this.#stop({ kind: 'truncated' }));
    request.on('close', () => this.#stop({ kind: 'truncated' }));
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  abort(): void {
    this.#stop({ kind: 'truncated' });
    this.#options.request.socket.destroy();
  }

  #received(piece: Buffer): void {
    const { request, guard, limits } = this.#options;
    guard.received(request);
    const room = limits.maxBytes - this.#receivedBytes;
    this.#receivedBytes += piece.length;
    if (this.#end !== undefined) {
      if (-room > maxDiscardedBytes) request.socket.destroy();
      return;
    }
    if (!this.#isLeft && room > 0) this.#pending.push(piece.length > room ? piece.subarray(0, room) : piece);
    if (piece.length > room) this.#stop({ kind: 'tooLarge', maxBytes: limits.maxBytes });
    else if (this.#pending.bytes >= maxPendingBytes) this.#stall();
    this.#wake();
  }

  async *#read(): AsyncGenerator<Buffer, void, undefined> {
    const { limits, schedule } = this.#options;
    const bandwidth = limits.bandwidth?.();
    try {
      for (;;) {
        const piece = this.#pending.shift();
        if (piece !== undefined) {
          yield piece;
          const waitMs = bandwidth?.spend(piece.length) ?? 0;
          if (waitMs > 0) await new Promise<void>((resolve) => schedule(waitMs, resolve));
          continue;
        }
        this.#unstall();
        if (this.#end !== undefined) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#leave();
    }
  }

  /** The reader has the end, or has gone away: the invocation runs on all the same, as in Lambda. */
  #leave(): void {
    this.#isLeft = true;
    while (this.#pending.shift() !== undefined);
    this.#unstall();
    if (this.#end !== undefined) this.#settle(this.#end);
  }

  #stop(end: StreamEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#unstall();
    this.#wake();
    if (this.#isLeft) this.#settle(end);
  }

  #stall(): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    this.#options.guard.stall(this.#options.request);
  }

  #unstall(): void {
    if (!this.#isStalled) return;
    this.#isStalled = false;
    this.#options.guard.unstall(this.#options.request);
  }
}

function endOf(request: IncomingMessage): StreamEnd {
  const errorType = request.trailers['lambda-runtime-function-error-type'];
  if (errorType === undefined || errorType === '') return { kind: 'whole' };
  const body = request.trailers['lambda-runtime-function-error-body'] ?? '';
  return { kind: 'failed', errorType, payload: Buffer.from(body, 'base64') };
}
