import { Socket } from 'node:net';
import type { TelemetryDestination } from '../../runtime-api/telemetry/telemetry-subscription.ts';
import { arrayBody, type TelemetryBatch } from './telemetry-batch.ts';
import type { ConnectInside, TelemetrySender } from './telemetry-sender.ts';

/** All that is looked at of an answer; what follows is thrown away, and not much of it is even read. */
const statusLine = /^HTTP\/1\.[01] ([1-5]\d\d)/;
const statusLineBytes = 12;
const maxReadBytes = 16 * 1024;

/** All answers are read into this one buffer: what it holds is taken before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(1024);

/**
 * POSTs each batch over a connection of its own.
 * SECURITY: the other side is a stranger's program. Twelve bytes of its answer are looked at, at most 16 KiB are read, and it has one connection.
 */
export class HttpSender implements TelemetrySender {
  readonly #destination: Extract<TelemetryDestination, { readonly protocol: 'HTTP' }>;
  readonly #connect: ConnectInside;
  #socket: Socket | undefined;
  #settle: (arrived: boolean) => void = () => {};
  /** Counts attempts, so that one that was abandoned while it connected does not go on. */
  #attempt = 0;

  constructor(destination: Extract<TelemetryDestination, { readonly protocol: 'HTTP' }>, connect: ConnectInside) {
    this.#destination = destination;
    this.#connect = connect;
  }

  async send(batch: TelemetryBatch): Promise<boolean> {
    this.abandon();
    const attempt = this.#attempt;
    const outcome = Promise.withResolvers<boolean>();
    this.#settle = outcome.resolve;
    try {
      const { descriptor } = await this.#connect(this.#destination.port);
      const socket = this.#open(descriptor);
      if (attempt !== this.#attempt) socket.destroy();
      else this.#post(socket, batch);
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

  #open(descriptor: number): Socket {
    let answer = '';
    let readBytes = 0;
    const socket: Socket = new Socket({
      fd: descriptor,
      readable: true,
      writable: true,
      onread: {
        buffer: readBuffer,
        callback: (bytes) => {
          readBytes += bytes;
          if (answer.length < statusLineBytes) {
            answer = (answer + readBuffer.toString('latin1', 0, bytes)).slice(0, statusLineBytes);
            if (answer.length === statusLineBytes) this.#answered(socket, statusLine.exec(answer)?.[1]);
          }
          if (readBytes <= maxReadBytes) return true;
          socket.destroy();
          return false;
        },
      },
    });
    return socket;
  }

  #answered(socket: Socket, status: string | undefined): void {
    if (socket !== this.#socket) return;
    this.#settle(status !== undefined && Number(status) < 400);
    // The rest of the answer may come; the next batch does not wait for it.
    socket.end();
  }

  #post(socket: Socket, batch: TelemetryBatch): void {
    this.#socket = socket;
    const { host, path } = this.#destination;
    const body = arrayBody(batch);
    socket.on('error', () => {});
    socket.on('close', () => {
      if (socket === this.#socket) this.abandon();
    });
    socket.setNoDelay(true);
    socket.cork();
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
      'latin1',
    );
    socket.write(body);
    socket.uncork();
    socket.resume();
  }
}
