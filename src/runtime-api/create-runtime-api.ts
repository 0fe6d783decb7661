import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { encodeError, truncatedRequest } from './answers.ts';
import { ExtensionRegistry } from './extensions/extension-registry.ts';
import { RequestOrder } from './request-order.ts';
import type { StreamLimits } from './response-stream.ts';
import { routeRequest } from './route-request.ts';
import type { InvocationEvent, RuntimeApiPort } from './runtime-api-port.ts';
import type { FunctionIdentity, RuntimeExchange } from './runtime-exchange.ts';
import { RuntimeSession } from './runtime-session.ts';
import { SurfaceGuard, type SurfaceGuardOptions } from './surface-guard.ts';
import type { TelemetryPort } from './telemetry/telemetry-subscription.ts';

const maxConnections = 32;
const maxHeaderBytes = 16 * 1024;
const highWaterMarkBytes = 1_024;
const headersTimeoutMs = 10_000;
/** How often the time of unfinished heads is looked at. */
const connectionsCheckingIntervalMs = 2_000;
/** Connections that the kernel keeps for us: beyond these a function's connect(2) waits. */
const backlog = 64;

/** The Runtime API of one environment, with the Extensions API and the Telemetry API on the same socket. */
export interface RuntimeApi {
  /** Of the processes that live now; `expectRuntime` brings an empty one. */
  readonly extensions: ExtensionRegistry;
  /** Hands an event to the runtime, which must be waiting. */
  deliver(event: InvocationEvent): void;
  /** From now on whatever the current runtime says is refused. Extensions may go on: they can be told of their end. */
  suspend(): void;
  /** Call when no process of the environment lives: forgets the last one and expects the next. */
  expectRuntime(): Promise<void>;
  close(): void;
}

export interface RuntimeApiOptions extends Pick<SurfaceGuardOptions, 'share' | 'schedule'> {
  /** A bound socket that the host agent opened inside the environment's network namespace; owned from here on. */
  readonly descriptor: number;
  readonly port: RuntimeApiPort;
  readonly function: FunctionIdentity;
  readonly telemetry: TelemetryPort;
  /** What a streamed response may be. */
  readonly streamLimits: StreamLimits;
}

/** Serves the Runtime API of one environment within its share of the daemon. */
export async function createRuntimeApi({
  descriptor,
  port,
  function: identity,
  telemetry,
  streamLimits,
  share,
  schedule,
}: RuntimeApiOptions): Promise<RuntimeApi> {
  const session = new RuntimeSession();
  const order = new RequestOrder();
  let extensions = new ExtensionRegistry();
  const close = () => {
    session.close();
    extensions.retire();
    server.close();
    server.closeAllConnections();
  };
  const guard = new SurfaceGuard({
    share,
    schedule,
    onExceeded: (limit) => {
      // ORDER: nothing more of it is accepted or read from here on; ending it takes its time.
      close();
      port.exceeded(limit);
    },
  });
  const exchange: RuntimeExchange = {
    session,
    port,
    guard,
    function: identity,
    telemetry,
    streams: { limits: streamLimits, schedule },
    get extensions() {
      return extensions;
    },
  };
  const server = createServer(
    // `next` waits for as long as nobody invokes the function: only head and body of a request have a time limit, a connection has none.
    {
      maxHeaderSize: maxHeaderBytes,
      // What is not to be read now is not to gather here either: by default it would be 64 KiB, in pieces of a byte if the sender likes.
      highWaterMark: highWaterMarkBytes,
      keepAliveTimeout: 0,
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: connectionsCheckingIntervalMs,
      requestTimeout: 0,
      noDelay: true,
    },
    (request, response) => {
      response.sendDate = false;
      guard.admit(request, response, () => order.take(request, response, () => routeRequest(exchange, request, response)));
    },
  );
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = 0;
  server.timeout = 0;
  server.on('connection', (socket) => guard.connected(socket));
  server.on('drop', () => guard.dropped());
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code !== 'ECONNRESET') guard.malformed();
    answerBrokenRequest(error, socket);
  });
  server.listen({ fd: descriptor }, backlog);
  await once(server, 'listening');
  return {
    deliver: (event) => {
      guard.invoked();
      session.deliver(event);
    },
    get extensions() {
      return extensions;
    },
    suspend: () => session.close(),
    expectRuntime: async () => {
      extensions.retire();
      await cutConnections(server, session);
      extensions = new ExtensionRegistry();
      session.open();
    },
    close,
  };
}

async function cutConnections(server: Server, session: RuntimeSession): Promise<void> {
  session.close();
  // SECURITY: a connection of the ended process may still wait in the accept queue with a request in it. It must meet the closed session,
  // not be taken for the next process: two turns of the event loop accept all there is, then they are cut.
  await eventLoopTurn();
  await eventLoopTurn();
  server.closeAllConnections();
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Answers what is no whole HTTP request: node:http made no response object for it. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  if (error.code === 'HPE_INVALID_EOF_STATE') {
    const body = encodeError(truncatedRequest);
    socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}
