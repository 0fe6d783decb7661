import type { Socket } from 'node:net';
import { CloisterError } from '../errors.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import { type AgentEvent, type Reply, type RequestOf, type Results, requestSchemas, type Verb } from './messages.ts';

/** What a handler answers; `descriptors` are sent ahead of the reply, each under a token that stands in the result. */
export type Handlers = { readonly [V in Verb]: (fields: RequestOf<V>, send: SendDescriptor) => Promise<Results[V]> };

/** Sends a copy of a descriptor to the daemon and answers its token. */
export type SendDescriptor = (fd: number) => number;

export interface AgentServerOptions {
  readonly control: Socket;
  readonly handlers: Handlers;
  readonly sendDescriptor: (token: number, fd: number) => void;
  /** The daemon is gone, or does not read what it asked for. */
  readonly onEnd: () => void;
  readonly log: (message: string) => void;
}

const maxPending = 256;
const maxUnreadBytes = 8 * 1024 * 1024;

/**
 * The agent's side of the control socket. SECURITY: what comes in is taken for hostile. A frame is answered by exactly one reply; whatever is not a
 * request of the schema is refused with `BadMessage` and changes nothing; past 256 requests under way the socket is not read.
 */
export class AgentServer {
  readonly #options: AgentServerOptions;
  #pending = 0;
  #nextToken = 1;

  constructor(options: AgentServerOptions) {
    this.#options = options;
    const { control } = options;
    const reader = new FrameReader(
      (body) => this.#receive(body),
      () => this.#send({ id: 0, ok: false, code: 'BadMessage', message: 'the frame is over 64 KiB' }),
    );
    control.on('data', (chunk: Buffer) => reader.push(chunk));
    control.on('error', () => undefined);
    control.on('close', () => options.onEnd());
  }

  emit(event: AgentEvent): void {
    this.#send(event);
  }

  #receive(body: Buffer): void {
    const request = parseRequest(body);
    if (!request.ok) {
      this.#send({ id: request.id, ok: false, code: 'BadMessage', message: request.reason });
      return;
    }
    this.#pending += 1;
    if (this.#pending >= maxPending) this.#options.control.pause();
    void this.#answer(request.id, request.verb, request.fields).finally(() => {
      this.#pending -= 1;
      if (this.#pending < maxPending) this.#options.control.resume();
    });
  }

  async #answer<V extends Verb>(id: number, verb: V, fields: RequestOf<V>): Promise<void> {
    try {
      const result = await this.#options.handlers[verb](fields, (fd) => this.#sendDescriptor(fd));
      this.#send({ id, ok: true, result });
    } catch (error) {
      const known = error instanceof CloisterError ? error : undefined;
      if (known === undefined || known.code === 'SystemCall') this.#options.log(`${verb} failed: ${describe(error)}`);
      // SECURITY: a reason of the kernel's, with its path, stays in the agent's log.
      const reply = known === undefined || known.code === 'SystemCall' ? internalFailure : { code: known.code, message: known.message };
      this.#send({ id, ok: false, ...reply });
    }
  }

  #sendDescriptor(fd: number): number {
    const token = this.#nextToken++;
    this.#options.sendDescriptor(token, fd);
    return token;
  }

  #send(message: Reply | AgentEvent): void {
    const { control } = this.#options;
    if (control.destroyed) return;
    try {
      control.write(encodeFrame(message));
    } catch (error) {
      if ('id' in message) control.write(encodeFrame({ id: message.id, ok: false, ...internalFailure }));
      this.#options.log(`an answer could not be sent: ${describe(error)}`);
    }
    if (control.writableLength > maxUnreadBytes) control.destroy();
  }
}

const internalFailure = { code: 'Internal', message: 'the host agent could not do it; its log says why' };

type Parsed =
  | { readonly ok: true; readonly id: number; readonly verb: Verb; readonly fields: RequestOf<Verb> }
  | { readonly ok: false; readonly id: number; readonly reason: string };

/** A request is `{id, verb, fields}`; its id is told back even when the rest is wrong, so that an honest daemon's mistake fails one call. */
export function parseRequest(body: Buffer): Parsed {
  let message: unknown;
  try {
    message = JSON.parse(body.toString('utf8'));
  } catch {
    return { ok: false, id: 0, reason: 'the frame is not JSON' };
  }
  if (typeof message !== 'object' || message === null) return { ok: false, id: 0, reason: 'the frame is not an object' };
  const { id: rawId, verb, fields } = message as Record<string, unknown>;
  const id = typeof rawId === 'number' && Number.isSafeInteger(rawId) && rawId > 0 ? rawId : 0;
  if (id === 0) return { ok: false, id, reason: 'the request has no id' };
  if (typeof verb !== 'string' || !Object.hasOwn(requestSchemas, verb)) return { ok: false, id, reason: 'there is no such verb' };
  const parsed = requestSchemas[verb as Verb].safeParse(fields);
  if (!parsed.success) return { ok: false, id, reason: `a field of ${verb} is not valid: ${parsed.error.issues[0]?.path.join('.') ?? ''}` };
  return { ok: true, id, verb: verb as Verb, fields: parsed.data };
}

function describe(error: unknown): string {
  if (error instanceof CloisterError)
    return `${error.message} (${error.operation}${error.path === undefined ? '' : ` ${error.path}`})${error.cause === undefined ? '' : `: ${describe(error.cause)}`}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
