import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Has the requests of a connection taken one after another: each when the one before it has been answered (RFC 9112, 9.3.2). */
export class RequestOrder {
  readonly #latest = new WeakMap<Socket, ServerResponse>();

  /** Runs `handle` now, or when the connection's earlier requests are answered; never when the connection ends first. */
  take(request: IncomingMessage, response: ServerResponse, handle: () => void): void {
    const { socket } = request;
    const earlier = this.#latest.get(socket);
    this.#latest.set(socket, response);
    // node:http reads a second request before the body of the first has been told to whoever receives it.
    if (earlier === undefined || earlier.closed) handle();
    else earlier.once('close', () => socket.destroyed || handle());
  }
}
