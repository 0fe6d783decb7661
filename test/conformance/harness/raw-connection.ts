import { EventEmitter, once } from 'node:events';
import type { Order, Report } from './actor-protocol.ts';
import { type HttpAnswer, parseHttpAnswer } from './http-answer.ts';

/** Nothing that a rule waits for takes longer, but for what it says itself. */
export const patienceMs = 20_000;

export interface RawRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS';
  /** Without a leading slash: below `/2018-06-01/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Sent with `Transfer-Encoding: chunked`, each a chunk of its own, instead of a body. */
  readonly chunks?: readonly (string | Buffer)[];
  /** After the last chunk; announced by the caller's own `Trailer` header, where it wants one. */
  readonly trailers?: Readonly<Record<string, string>>;
}

export interface Ending {
  /** `fin`: closed in order. `reset`, or what else the socket failed with. */
  readonly how: 'fin' | 'ECONNRESET' | string;
  readonly atMs: number;
}

/** One TCP connection of an actor, byte by byte. Times are the actor's own. */
export class RawConnection {
  readonly id: number;
  readonly #order: (order: Order) => void;
  readonly #changed = new EventEmitter();
  #received = Buffer.alloc(0);
  #isOpen = false;
  #ending: Ending | undefined;
  /** When the first byte of what `answer` gives next, and the last piece so far, arrived. */
  firstByteMs: number | undefined;
  lastByteMs: number | undefined;

  constructor(id: number, order: (order: Order) => void, isOpen = false) {
    this.id = id;
    this.#order = order;
    this.#isOpen = isOpen;
    this.#changed.setMaxListeners(0);
  }

  /** Bytes received that no `answer` has taken. */
  get unread(): string {
    return this.#received.toString('latin1');
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  report(report: Report): void {
    if ('open' in report) this.#isOpen = true;
    if ('data' in report) {
      this.firstByteMs ??= report.atMs;
      this.lastByteMs = report.atMs;
      this.#received = Buffer.concat([this.#received, Buffer.from(report.data, 'base64')]);
    }
    if ('ended' in report) this.#ending ??= { how: 'fin', atMs: report.atMs };
    if ('closed' in report) this.#ending ??= { how: report.error ?? 'fin', atMs: report.atMs };
    this.#changed.emit('changed');
  }

  opened(): Promise<this> {
    return this.#until('the connection is open', () => (this.#isOpen ? this : undefined));
  }

  /** `times` repeats what is written, made inside the environment: for bodies of megabytes. */
  write(bytes: string | Buffer, times = 1): void {
    this.#order({ do: 'write', id: this.id, data: Buffer.from(bytes).toString('base64'), times });
  }

  /** Half-closes: nothing more is written, answers are still read. */
  end(): void {
    this.#order({ do: 'end', id: this.id });
  }

  /** Ends the connection with a RST. */
  reset(): void {
    this.#order({ do: 'reset', id: this.id });
  }

  destroy(): void {
    this.#order({ do: 'destroy', id: this.id });
  }

  /** Reads no more until `resume`: the kernel's buffers fill up. */
  pause(): void {
    this.#order({ do: 'pause', id: this.id });
  }

  resume(): void {
    this.#order({ do: 'resume', id: this.id });
  }

  /** Sends a whole request, without waiting for anything. */
  send(request: RawRequest): void {
    this.write(requestBytes(request));
  }

  /** Sends a request and waits for its answer. */
  ask(request: RawRequest | string): Promise<HttpAnswer> {
    this.send(typeof request === 'string' ? { path: request } : request);
    return this.answer();
  }

  /** The next whole answer. Rejects when the connection ends before it, and after `withinMs`. */
  answer(withinMs = patienceMs): Promise<HttpAnswer> {
    return this.#until(
      'an answer came',
      () => {
        const parsed = parseHttpAnswer(this.#received);
        if (parsed === undefined && this.#ending !== undefined) {
          throw new Error(`the connection ended (${this.#ending.how}) before a whole answer: ${JSON.stringify(this.unread)}`);
        }
        if (parsed === undefined) return undefined;
        this.#received = this.#received.subarray(parsed.length);
        this.firstByteMs = this.#received.length === 0 ? undefined : this.lastByteMs;
        return parsed.answer;
      },
      withinMs,
    );
  }

  /** Resolves when what was received so far matches. */
  received(pattern: RegExp, withinMs = patienceMs): Promise<RegExpExecArray> {
    return this.#until(`${pattern} came`, () => pattern.exec(this.unread) ?? undefined, withinMs);
  }

  /** How the other side ended the connection. */
  ended(withinMs = patienceMs): Promise<Ending> {
    return this.#until('the connection ended', () => this.#ending, withinMs);
  }

  async #until<T>(what: string, look: () => T | undefined, withinMs = patienceMs): Promise<T> {
    const signal = AbortSignal.timeout(withinMs);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#ending !== undefined && what === 'the connection is open') throw new Error(`no connection: ${this.#ending.how}`);
      try {
        await once(this.#changed, 'changed', { signal });
      } catch {
        throw new Error(`${withinMs} ms passed before ${what}; received: ${JSON.stringify(this.unread.slice(0, 500))}`);
      }
    }
  }
}

/** A request's bytes as they go out. `Host` and the framing are added unless they are given. */
export function requestBytes({ method, path, headers = {}, body, chunks, trailers = {} }: RawRequest): Buffer {
  const target = path.startsWith('/') ? path : `/2018-06-01/${path}`;
  const hasBody = body !== undefined || chunks !== undefined;
  const given = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const has = (name: string) => Object.keys(headers).some((one) => one.toLowerCase() === name);
  const framing = chunks === undefined ? `Content-Length: ${Buffer.byteLength(body ?? '')}` : 'Transfer-Encoding: chunked';
  const isFramed = has('content-length') || has('transfer-encoding') || !hasBody;
  const lines = [...(has('host') ? [] : ['Host: 127.0.0.1:9001']), ...given, ...(isFramed ? [] : [framing])];
  const head = `${method ?? (hasBody ? 'POST' : 'GET')} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  const pieces = (chunks ?? []).flatMap((chunk) => chunkBytes(chunk));
  const last =
    chunks === undefined
      ? ''
      : `0\r\n${Object.entries(trailers)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? ''), ...pieces, Buffer.from(last, 'latin1')]);
}

/** One chunk of a chunked body. */
export function chunkBytes(chunk: string | Buffer): Buffer {
  const bytes = Buffer.from(chunk);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}
