import type { ServerResponse } from 'node:http';

/** Who takes nothing of what waits for them for this long is cut off. */
const stalledTimeoutMs = 60_000;

/**
 * Writes pieces as they come, no faster than the client reads them. Resolves with whether they all went out: when the client goes away the rest is left
 * to whoever makes them.
 */
export async function sendPieces(response: ServerResponse, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  for await (const piece of pieces) {
    if (!response.destroyed && !response.write(piece)) await drained(response);
    if (response.destroyed) return false;
  }
  return !response.destroyed;
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = (): void => void response.destroy();
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      response.setTimeout(0);
      response.off('timeout', cutOff);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
    // SECURITY: who does not read does not keep an environment busy for as long as its function's time lasts.
    response.setTimeout(stalledTimeoutMs, cutOff);
  });
}
