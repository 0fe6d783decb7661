import { setTimeout as delay } from 'node:timers/promises';
import {
  InvokeCommand,
  type InvokeCommandInput,
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCommandInput,
  type InvokeWithResponseStreamCompleteEvent,
  type InvokeWithResponseStreamResponseEvent,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import type { AdminClient } from '../../../src/cli/admin-client.ts';
import type { RunningDaemon } from '../../daemon.ts';
import { ActorProcess } from './actor-process.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { LivingEnvironments } from './living-environments.ts';
import { patienceMs, type RawConnection } from './raw-connection.ts';

/** What Invoke's caller got. */
export interface ClientAnswer {
  readonly functionError: string | undefined;
  readonly text: string;
  readonly value: unknown;
  /** The tail of the log, for a caller that asked for it. */
  readonly log: string;
  readonly requestId: string;
}

/** What the caller of InvokeWithResponseStream gets. */
export interface ClientStream {
  /** The bytes of the next event; undefined for the last, which is `complete`. */
  next(): Promise<string | undefined>;
  /** All bytes from here on. */
  rest(): Promise<string>;
  readonly complete: InvokeWithResponseStreamCompleteEvent | undefined;
  /** Goes away. */
  leave(): void;
}

/** An invocation that has reached the runtime. */
export interface Begun<Answer = ClientAnswer> {
  /** What the caller gets, in the end. */
  readonly answer: Promise<Answer>;
  readonly runtime: ActorProcess;
  /** The connection on which the runtime was given the event. */
  readonly api: RawConnection;
  /** The answer to `next`. */
  readonly event: HttpAnswer;
  readonly requestId: string;
}

export interface StageOptions {
  readonly functionName: string;
  readonly daemon: RunningDaemon;
  readonly lambda: LambdaClient;
  readonly admin: AdminClient;
  readonly environments: LivingEnvironments;
}

/** One function of the case's own, whose processes the case plays, and the function's caller. */
export class Stage {
  readonly functionName: string;
  readonly daemon: RunningDaemon;
  readonly lambda: LambdaClient;
  readonly admin: AdminClient;
  /** What the kernel says of the daemon's environments. */
  readonly environments: LivingEnvironments;
  readonly #met = new Set<string>();
  readonly #actors = new Set<ActorProcess>();
  readonly #running = new Set<Promise<ClientAnswer>>();
  #kept: { readonly runtime: ActorProcess; readonly api: RawConnection } | undefined;

  constructor({ functionName, daemon, lambda, admin, environments }: StageOptions) {
    this.functionName = functionName;
    this.daemon = daemon;
    this.lambda = lambda;
    this.admin = admin;
    this.environments = environments;
  }

  /**
   * Invokes the function as a client of the API does, and waits for its answer: begin it, play the runtime, then await it. With `LogType: 'Tail'` the
   * answer comes only when the invocation has ended: when everybody has asked for the next one.
   */
  invoke(payload: unknown = {}, more: Partial<InvokeCommandInput> = {}): Promise<ClientAnswer> {
    const command = new InvokeCommand({ FunctionName: this.functionName, Payload: JSON.stringify(payload), ...more });
    const answer = this.lambda.send(command).then((result): ClientAnswer => {
      const text = Buffer.from(result.Payload ?? []).toString();
      return {
        functionError: result.FunctionError,
        text,
        get value() {
          return text === '' ? undefined : JSON.parse(text);
        },
        log: Buffer.from(result.LogResult ?? '', 'base64').toString(),
        requestId: result.$metadata.requestId ?? '',
      };
    });
    answer.catch(() => undefined);
    this.#running.add(answer);
    answer.then(
      () => this.#running.delete(answer),
      () => this.#running.delete(answer),
    );
    return answer;
  }

  /** The next process of this role that comes up: `runtime`, or an extension's name. It has not said anything yet. */
  async process(role = 'runtime', withinMs = patienceMs): Promise<ActorProcess> {
    const untilMs = performance.now() + withinMs;
    while (performance.now() < untilMs) {
      const actors = this.environments.actorsOf(this.functionName).filter((one) => one.role === role);
      for (const address of actors) {
        const key = `${address.environmentId}/${address.path.split('/').at(-1)}`;
        if (this.#met.has(key)) continue;
        const actor = await ActorProcess.meet(address).catch(() => undefined);
        // Between bind(2) and listen(2) it refuses; one that has ended refuses for good.
        if (actor === undefined) continue;
        this.#met.add(key);
        this.#actors.add(actor);
        return actor;
      }
      await delay(4);
    }
    throw new Error(`no process of ${role} came up within ${withinMs} ms`);
  }

  /** Invokes, and plays the runtime up to its event: a new process, or the one that the last case has left waiting. */
  async begin(payload: unknown = {}, more: Partial<InvokeCommandInput> = {}): Promise<Begun> {
    const answer = this.invoke(payload, more);
    const { runtime, api } = this.#kept ?? (await this.#firstNext());
    this.#kept = undefined;
    const event = await api.answer();
    return { answer, runtime, api, event, requestId: event.header('lambda-runtime-aws-request-id') ?? '' };
  }

  /** As `begin`, for a caller who takes the response as it comes: `answer` resolves when it begins. */
  async beginStream(payload: unknown = {}, more: Partial<InvokeWithResponseStreamCommandInput> = {}): Promise<Begun<ClientStream>> {
    const leaving = new AbortController();
    const command = new InvokeWithResponseStreamCommand({ FunctionName: this.functionName, Payload: Buffer.from(JSON.stringify(payload)), ...more });
    const answer = this.lambda.send(command, { abortSignal: leaving.signal }).then(({ EventStream }) => clientStream(EventStream ?? none(), leaving));
    answer.catch(() => undefined);
    const { runtime, api } = this.#kept ?? (await this.#firstNext());
    this.#kept = undefined;
    const event = await api.answer();
    return { answer, runtime, api, event, requestId: event.header('lambda-runtime-aws-request-id') ?? '' };
  }

  /** Has the runtime ask for its next event on the same connection, and invokes the function once more. */
  async beginNext({ runtime, api }: Pick<Begun, 'runtime' | 'api'>, payload: unknown = {}, more: Partial<InvokeCommandInput> = {}): Promise<Begun> {
    await this.askForNext({ runtime, api });
    const answer = this.invoke(payload, more);
    const event = await api.answer();
    return { answer, runtime, api, event, requestId: event.header('lambda-runtime-aws-request-id') ?? '' };
  }

  /** The runtime asks for its next event; resolves when its environment waits for it: an invocation from here on is given to no other. */
  async askForNext({ runtime, api }: Pick<Begun, 'runtime' | 'api'>): Promise<void> {
    api.send({ path: 'runtime/invocation/next' });
    await this.untilFree(runtime);
  }

  /** Resolves when the environment of this process waits for an invocation: one that comes earlier may be given to a new environment. */
  async untilFree({ environmentId }: ActorProcess): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (performance.now() < untilMs) {
      const { environments } = (await this.admin.get('environments')) as { environments: { id: string; state: string }[] };
      if (/^(idle|frozen)$/.test(environments.find(({ id }) => id === environmentId)?.state ?? '')) return;
      await delay(5);
    }
    throw new Error(`${environmentId} was not free within ${patienceMs} ms`);
  }

  /** The messages of one environment's log stream, in their order: the one whose process this is. */
  async log({ hello }: ActorProcess): Promise<readonly string[]> {
    const all: string[] = [];
    const stream = hello.variables['AWS_LAMBDA_LOG_STREAM_NAME'];
    for (let afterSequence = 0; ; ) {
      const query = { functionName: this.functionName, afterSequence: String(afterSequence) };
      const page = (await this.admin.get('logs', query)) as { events: { message: string; logStream: string }[]; nextSequence: number };
      if (page.events.length === 0) return all;
      all.push(...page.events.flatMap(({ message, logStream }) => (logStream === stream ? [message] : [])));
      afterSequence = page.nextSequence;
    }
  }

  /** Leaves the runtime waiting for its next event, for the next case; false when there is none that could. */
  async keep(): Promise<boolean> {
    const runtime = [...this.#actors].findLast((actor) => actor.hello.role === 'runtime');
    await Promise.allSettled(this.#running);
    if (runtime === undefined || runtime.isGone) return false;
    runtime.closeConnections();
    const api = await runtime.connect();
    await this.askForNext({ runtime, api });
    this.#kept = { runtime, api };
    return true;
  }

  /** Ends the function's environments, whatever they do. */
  async clear(): Promise<void> {
    this.#kept = undefined;
    const { environments } = (await this.admin.get('environments')) as { environments: { id: string; functionName: string }[] };
    const own = environments.filter(({ functionName }) => functionName === this.functionName);
    await Promise.allSettled(own.map(({ id }) => this.admin.post(`environments/${id}/stop`)));
    for (const actor of this.#actors) actor.leave();
    this.#actors.clear();
    await Promise.allSettled(this.#running);
  }

  async #firstNext(): Promise<{ readonly runtime: ActorProcess; readonly api: RawConnection }> {
    const runtime = await this.process();
    const api = await runtime.connect();
    api.send({ path: 'runtime/invocation/next' });
    return { runtime, api };
  }
}

function clientStream(events: AsyncIterable<InvokeWithResponseStreamResponseEvent>, leaving: AbortController): ClientStream {
  const iterator = events[Symbol.asyncIterator]();
  let complete: InvokeWithResponseStreamCompleteEvent | undefined;
  const next = async (): Promise<string | undefined> => {
    const { done, value } = await iterator.next();
    if (done === true) return undefined;
    complete ??= value.InvokeComplete;
    return value.PayloadChunk === undefined ? undefined : Buffer.from(value.PayloadChunk.Payload ?? []).toString();
  };
  return {
    next,
    rest: async () => {
      let text = '';
      for (let piece = await next(); piece !== undefined; piece = await next()) text += piece;
      return text;
    },
    get complete() {
      return complete;
    },
    leave: () => leaving.abort(),
  };
}

async function* none(): AsyncGenerator<never, void, undefined> {}
