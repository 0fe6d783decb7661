import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { encodeError, truncatedRequest } from './answers.ts';
import { routeRequest } from './route-request.ts';
import type { InvocationEvent, RuntimeApiPort } from './runtime-api-port.ts';
import { RuntimeSession } from './runtime-session.ts';

const maxConnections = 32;
const maxHeaderBytes = 16 * 1024;
const headersTimeoutMs = 10_000;

/** The Runtime API of one environment. */
export interface RuntimeApi {
  /** Hands an event to the runtime, which must be waiting. */
  deliver(event: InvocationEvent): void;
  /** From now on whatever the current process says is refused. */
  suspend(): void;
  /** Call when no process of the environment lives: forgets the last one and expects the next. */
  expectRuntime(): Promise<void>;
  close(): void;
}

/** Serves the Runtime API on a bound socket that the host agent opened inside the environment's network namespace; the descriptor is owned from here on. */
export async function createRuntimeApi(options: { readonly descriptor: number; readonly port: RuntimeApiPort }): Promise<RuntimeApi> {
  const session = new RuntimeSession();
  const exchange = { session, port: options.port };
  const server = createServer(
    // `next` waits for as long as nobody invokes the function: only head and body of a request have a time limit, a connection has none.
    { maxHeaderSize: maxHeaderBytes, keepAliveTimeout: 0, headersTimeout: headersTimeoutMs, requestTimeout: 0, noDelay: true },
    (request, response) => {
      response.sendDate = false;
      routeRequest(exchange, request, response);
    },
  );
  server.maxConnections = maxConnections;
  server.maxRequestsPerSocket = 0;
  server.timeout = 0;
  server.on('clientError', answerBrokenRequest);
  server.listen({ fd: options.descriptor });
  await once(server, 'listening');
  return {
    deliver: (event) => session.deliver(event),
    suspend: () => session.close(),
    expectRuntime: () => expectRuntime(server, session),
    close: () => {
      session.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

async function expectRuntime(server: Server, session: RuntimeSession): Promise<void> {
  session.close();
  // SECURITY: a connection of the ended process may still wait in the accept queue with a request in it. It must meet the closed session,
  // not be taken for the next process: two turns of the event loop accept all there is, then they are cut.
  await eventLoopTurn();
  await eventLoopTurn();
  server.closeAllConnections();
  session.open();
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
