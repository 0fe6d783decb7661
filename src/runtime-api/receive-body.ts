import type { IncomingMessage } from 'node:http';
import type { SurfaceGuard } from './surface-guard.ts';

/** Lambda's limit of a buffered response. */
export const maxBodyBytes = 6_291_556;

/** A body over the limit is read on and thrown away up to this, so that its sender gets to read the answer. */
const maxDiscardedBytes = 64 * 1024 * 1024;

/** A body that stands still for this long is given up. */
const bodyIdleTimeoutMs = 30_000;

/** Up to `maxBytes` are kept, up to `maxReadBytes` are read before the connection is cut. */
export interface BodyBounds {
  readonly maxBytes: number;
  readonly maxReadBytes: number;
}

export type ReceivedBody =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'tooLarge' }
  /** The sender stopped before the end: nobody is left to answer. */
  | { readonly kind: 'cut' };

/** Reads a request's body within the bounds of size, time and share, and calls back exactly once. */
export function receiveBody(
  guard: SurfaceGuard,
  request: IncomingMessage,
  done: (body: ReceivedBody) => void,
  { maxBytes, maxReadBytes }: BodyBounds = { maxBytes: maxBodyBytes, maxReadBytes: maxDiscardedBytes },
): void {
  const body = new GatheredBody();
  let receivedBytes = 0;
  let told = false;
  const tell = (body: ReceivedBody): void => {
    if (told) return;
    told = true;
    done(body);
  };
  const giveUp = (): void => {
    guard.malformed();
    request.socket.destroy();
    tell({ kind: 'cut' });
  };
  request.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length;
    if (receivedBytes <= maxBytes) body.push(chunk);
    else body.drop();
    if (receivedBytes > maxReadBytes) {
      guard.malformed();
      tell({ kind: 'tooLarge' });
      request.socket.destroy();
      return;
    }
    guard.received(request);
  });
  request.on('end', () => {
    request.socket.setTimeout(0);
    if (receivedBytes > maxBytes) return tell({ kind: 'tooLarge' });
    return tell({ kind: 'whole', bytes: body.bytes() });
  });
  request.on('error', () => tell({ kind: 'cut' }));
  request.on('close', () => tell({ kind: 'cut' }));
  request.socket.setTimeout(bodyIdleTimeoutMs);
  request.socket.once('timeout', giveUp);
  request.once('end', () => request.socket.off('timeout', giveUp));
}

/** Reads a body that nobody wants, under the same bounds. SECURITY: node:http would read one without end as fast as it comes. */
export function discardBody(guard: SurfaceGuard, request: IncomingMessage): void {
  if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) return;
  receiveBody(guard, request, () => {}, { maxBytes: 0, maxReadBytes: maxBodyBytes });
}

/** SECURITY: a body in pieces of one byte must not cost an object for each: what does not come in one piece is copied together. */
class GatheredBody {
  #buffer: Buffer | undefined;
  #length = 0;

  push(chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    if (this.#buffer === undefined) {
      this.#buffer = chunk;
    } else {
      if (needed > this.#buffer.length) {
        const larger = Buffer.allocUnsafe(Math.min(maxBodyBytes, Math.max(needed, 2 * this.#buffer.length)));
        this.#buffer.copy(larger, 0, 0, this.#length);
        this.#buffer = larger;
      }
      chunk.copy(this.#buffer, this.#length);
    }
    this.#length = needed;
  }

  drop(): void {
    this.#buffer = undefined;
    this.#length = 0;
  }

  bytes(): Buffer {
    return this.#buffer?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }
}
