import { Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';

export interface RuntimeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RuntimeRequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Sends the body in chunks, with these trailers behind it. */
  readonly trailers?: Readonly<Record<string, string>>;
}

export interface RuntimeStream {
  write(piece: string | Buffer): void;
  /** With an error, if it failed half way; resolves with the status of the answer. */
  end(error?: { readonly errorType: string; readonly errorMessage: string }): Promise<number>;
  destroy(): void;
  /** Of the answer; rejects when the connection ends before one. */
  readonly status: Promise<number>;
}

const errorTrailers = ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'];

/** Speaks the Runtime API as a runtime would: plain HTTP over one kept connection. */
export class RuntimeClient {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #streams = new Set<ClientRequest>();

  constructor(port: number) {
    this.#port = port;
  }

  /** A connection of its own, for another thread of the same process. */
  another(): RuntimeClient {
    return new RuntimeClient(this.#port);
  }

  next(): Promise<RuntimeAnswer> {
    return this.send('GET', '/2018-06-01/runtime/invocation/next');
  }

  respond(requestId: string, body: string | Buffer): Promise<RuntimeAnswer> {
    return this.send('POST', `/2018-06-01/runtime/invocation/${requestId}/response`, { body });
  }

  fail(requestId: string, error: { errorType: string; errorMessage: string }): Promise<RuntimeAnswer> {
    return this.send('POST', `/2018-06-01/runtime/invocation/${requestId}/error`, {
      headers: { 'Lambda-Runtime-Function-Error-Type': error.errorType },
      body: JSON.stringify(error),
    });
  }

  initError(error: { errorType: string; errorMessage: string }): Promise<RuntimeAnswer> {
    return this.send('POST', '/2018-06-01/runtime/init/error', {
      headers: { 'Lambda-Runtime-Function-Error-Type': error.errorType },
      body: JSON.stringify(error),
    });
  }

  send(method: string, path: string, options: RuntimeRequestOptions = {}): Promise<RuntimeAnswer> {
    const { headers = {}, body, trailers } = options;
    const length = body === undefined || trailers !== undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const trailer = trailers === undefined ? {} : { Trailer: Object.keys(trailers).join(', '), 'Transfer-Encoding': 'chunked' };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { host: '127.0.0.1', port: this.#port, method, path, agent: this.#agent, headers: { ...headers, ...length, ...trailer } },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString() }));
          incoming.on('error', reject);
        },
      );
      outgoing.on('error', reject);
      if (trailers !== undefined) outgoing.addTrailers(trailers);
      outgoing.end(body);
    });
  }

  /** Begins a streamed response, on a connection of its own. */
  stream(requestId: string, contentType = 'text/plain'): RuntimeStream {
    const outgoing = request({
      host: '127.0.0.1',
      port: this.#port,
      method: 'POST',
      path: `/2018-06-01/runtime/invocation/${requestId}/response`,
      agent: false,
      headers: { 'Content-Type': contentType, 'Lambda-Runtime-Function-Response-Mode': 'streaming', Trailer: errorTrailers.join(', ') },
    });
    this.#streams.add(outgoing);
    outgoing.flushHeaders();
    const status = new Promise<number>((resolve, reject) => {
      outgoing.on('response', (incoming) => {
        incoming.resume();
        incoming.on('end', () => resolve(incoming.statusCode ?? 0));
      });
      outgoing.on('error', reject);
    });
    status.catch(() => {});
    return {
      write: (piece) => void outgoing.write(piece),
      end: (error) => {
        if (error !== undefined) {
          const body = Buffer.from(JSON.stringify(error)).toString('base64');
          outgoing.addTrailers({ 'Lambda-Runtime-Function-Error-Type': error.errorType, 'Lambda-Runtime-Function-Error-Body': body });
        }
        outgoing.end();
        return status;
      },
      destroy: () => void outgoing.destroy(),
      status,
    };
  }

  close(): void {
    this.#agent.destroy();
    for (const stream of this.#streams) stream.destroy();
  }
}
