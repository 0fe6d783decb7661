import type { IncomingMessage } from 'node:http';
import { ApiError } from '../api-error.ts';

export interface BodyLimits {
  readonly maxBodyBytes: number;
  /** Of one URL's requests at a time. */
  readonly maxUrlBytes: number;
  /** Of all URLs' requests at a time. */
  readonly maxTotalBytes: number;
  /** Between two pieces of a body. */
  readonly idleTimeoutMs: number;
}

/** Reads bodies of strangers. SECURITY: what is held of them is bounded for each request, each URL and all, and who stops sending is cut off. */
export class BodyBudget {
  readonly #limits: BodyLimits;
  readonly #heldByUrl = new Map<string, number>();
  #held = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** The body, which counts as held until `release`. Throws 413 for one too long, 429 when too much is held already. */
  async read(urlId: string, request: IncomingMessage): Promise<{ readonly body: Buffer; readonly release: () => void }> {
    const { maxBodyBytes, idleTimeoutMs } = this.#limits;
    if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge(maxBodyBytes);
    let size = 0;
    const release = () => {
      this.#hold(urlId, -size);
      size = 0;
    };
    const chunks: Buffer[] = [];
    request.setTimeout(idleTimeoutMs, () => request.destroy());
    try {
      // Kept open when this throws: the client is still to read why.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        if (size + chunk.length > maxBodyBytes) throw tooLarge(maxBodyBytes);
        this.#checkRoom(urlId, chunk.length);
        size += chunk.length;
        this.#hold(urlId, chunk.length);
        chunks.push(chunk);
      }
      if (!request.complete) throw new ApiError('InvalidRequestContentException', 'The request ended early.');
      return { body: Buffer.concat(chunks), release };
    } catch (error) {
      release();
      // What ended the connection is the client's affair, and no failure of ours.
      throw error instanceof ApiError ? error : new ApiError('InvalidRequestContentException', 'The request ended early.');
    } finally {
      request.setTimeout(0);
    }
  }

  #checkRoom(urlId: string, more: number): void {
    const { maxUrlBytes, maxTotalBytes } = this.#limits;
    if (this.#held + more <= maxTotalBytes && (this.#heldByUrl.get(urlId) ?? 0) + more <= maxUrlBytes) return;
    throw new ApiError('TooManyRequestsException', 'Rate Exceeded.', { Reason: 'CallerRateLimitExceeded' });
  }

  #hold(urlId: string, bytes: number): void {
    this.#held += bytes;
    const held = (this.#heldByUrl.get(urlId) ?? 0) + bytes;
    if (held === 0) this.#heldByUrl.delete(urlId);
    else this.#heldByUrl.set(urlId, held);
  }
}

function tooLarge(maxBodyBytes: number): ApiError {
  return new ApiError('RequestEntityTooLargeException', `Request must be smaller than ${maxBodyBytes} bytes for the InvokeFunctionUrl operation`);
}
