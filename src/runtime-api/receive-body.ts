import type { IncomingMessage } from 'node:http';

/** Lambda's limit of a buffered response. */
export const maxBodyBytes = 6_291_556;

/** A body over the limit is read on and thrown away up to this, so that its sender gets to read the answer. */
const maxDiscardedBytes = 64 * 1024 * 1024;

/** A body that stands still for this long is given up. */
const bodyIdleTimeoutMs = 30_000;

export type ReceivedBody =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'tooLarge' }
  /** The sender stopped before the end: nobody is left to answer. */
  | { readonly kind: 'cut' };

/** Reads a request's body within the bounds of size and time and calls back exactly once. */
export function receiveBody(request: IncomingMessage, done: (body: ReceivedBody) => void): void {
  const chunks: Buffer[] = [];
  let receivedBytes = 0;
  let told = false;
  const tell = (body: ReceivedBody): void => {
    if (told) return;
    told = true;
    done(body);
  };
  const giveUp = (): void => {
    request.socket.destroy();
    tell({ kind: 'cut' });
  };
  request.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length;
    if (receivedBytes <= maxBodyBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (receivedBytes > maxDiscardedBytes) {
      tell({ kind: 'tooLarge' });
      request.socket.destroy();
    }
  });
  request.on('end', () => {
    request.socket.setTimeout(0);
    if (receivedBytes > maxBodyBytes) return tell({ kind: 'tooLarge' });
    const [first] = chunks;
    return tell({ kind: 'whole', bytes: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks) });
  });
  request.on('error', () => tell({ kind: 'cut' }));
  request.on('close', () => tell({ kind: 'cut' }));
  request.socket.setTimeout(bodyIdleTimeoutMs);
  request.socket.once('timeout', giveUp);
  request.once('end', () => request.socket.off('timeout', giveUp));
}
