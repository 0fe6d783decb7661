import { once } from 'node:events';
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

interface ToldEvent {
  readonly time: string;
  readonly type: string;
  readonly record: unknown;
}

/** An extension's listener for telemetry, on a port of the loopback. Whoever asks for one closes it. */
export class TelemetryListener {
  readonly port: number;
  readonly requests: { readonly line: string; readonly headers: IncomingMessage['headers']; readonly events: readonly ToldEvent[] }[] = [];
  readonly sockets: Socket[] = [];
  readonly #server: HttpServer | Server;

  private constructor(server: HttpServer | Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => {});
      this.sockets.push(socket);
    });
  }

  /** Answers each POST with this status, or not at all. */
  static async http(options: { port?: number; answer?: (response: ServerResponse) => void } = {}): Promise<TelemetryListener> {
    const server = createServer();
    const listener = await TelemetryListener.#listen(server, options.port);
    server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
      const events = JSON.parse(await text(request)) as readonly ToldEvent[];
      listener.requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, events });
      if (options.answer === undefined) response.end();
      else options.answer(response);
    });
    return listener;
  }

  /** Does nothing with a connection but what it is told to. */
  static async tcp(onConnection: (socket: Socket) => void): Promise<TelemetryListener> {
    const server = createTcpServer();
    server.on('connection', onConnection);
    return await TelemetryListener.#listen(server);
  }

  static async #listen(server: HttpServer | Server, port = 0): Promise<TelemetryListener> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new TelemetryListener(server);
  }

  get events(): readonly ToldEvent[] {
    return this.requests.flatMap(({ events }) => events);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
