import { Socket } from 'node:net';
import { lineBody, type TelemetryBatch } from './telemetry-batch.ts';
import type { ConnectInside, TelemetrySender } from './telemetry-sender.ts';

/**
 * Writes each batch as lines of JSON to one connection, which is kept.
 * SECURITY: nothing that comes from the other side is read: what it sends stays in the kernel, and makes it wait.
 */
export class TcpSender implements TelemetrySender {
  readonly #port: number;
  readonly #connect: ConnectInside;
  #socket: Socket | undefined;
  #settle: (arrived: boolean) => void = () => {};
  #attempt = 0;

  constructor(port: number, connect: ConnectInside) {
    this.#port = port;
    this.#connect = connect;
  }

  async send(batch: TelemetryBatch): Promise<boolean> {
    this.#settle(false);
    const outcome = Promise.withResolvers<boolean>();
    this.#settle = outcome.resolve;
    try {
      const socket = this.#socket ?? (await this.#open());
      socket?.write(lineBody(batch), (error) => outcome.resolve(error === undefined || error === null));
    } catch {
      outcome.resolve(false);
    }
    return await outcome.promise;
  }

  abandon(): void {
    this.#attempt += 1;
    this.#settle(false);
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** Undefined when it was abandoned meanwhile. */
  async #open(): Promise<Socket | undefined> {
    const attempt = this.#attempt;
    const { descriptor } = await this.#connect(this.#port);
    const socket = new Socket({ fd: descriptor, readable: false, writable: true });
    socket.on('error', () => {});
    if (attempt !== this.#attempt) {
      socket.destroy();
      return undefined;
    }
    socket.on('close', () => {
      if (socket === this.#socket) this.abandon();
    });
    this.#socket = socket;
    return socket;
  }
}
