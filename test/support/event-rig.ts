/** For tests: asynchronous invocations over a real database, on a clock that the test moves, with a function and targets that do as they are told. */
import { randomUUID } from 'node:crypto';
import type { EventInvokeConfig } from '../../src/functions/event-invoke-config.ts';
import { type AcceptRequest, AsynchronousInvoker, type AsynchronousLimits } from '../../src/invoke/events/asynchronous-invoker.ts';
import type { EventSender, OutsideDestination } from '../../src/invoke/events/event-sender.ts';
import type { EventStore } from '../../src/invoke/events/event-store.ts';
import type { EventTarget, FoundTarget } from '../../src/invoke/events/event-targets.ts';
import { deadLetterAttributes, invocationRecord, type OutcomeMessage } from '../../src/invoke/events/invocation-record.ts';
import type { QueuedEvent } from '../../src/invoke/events/queued-event.ts';
import { InvocationTraces } from '../../src/invoke/invocation-traces.ts';
import type { InvokeRequest, InvokeResult } from '../../src/invoke/invoker.ts';
import { EventDatabase } from '../../src/storage/events/event-database.ts';
import { FakeClock } from './fake-clock.ts';
import { functionVersion } from './function-version.ts';

export const rigAccount = '111111111111';

/** An attempt that runs: the test says how it ends. */
export interface RunningAttempt {
  readonly request: InvokeRequest;
  readonly startedAtMs: number;
  readonly end: (result: InvokeResult | Error) => void;
}

export interface Sent {
  readonly kind: 'record' | 'deadLetter';
  readonly destination: OutsideDestination;
  readonly body: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

const defaults: AsynchronousLimits = {
  concurrentAttempts: 8,
  concurrentDeliveries: 4,
  maxEventsPerAccount: 1_000,
  maxBytesPerAccount: 1_048_576,
  retryDelayMs: 60_000,
};

/** One daemon after the other over the same database. */
export class EventRig implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly #traces = new InvocationTraces({ clock: this.clock, random: () => 0.5 });
  readonly running: RunningAttempt[] = [];
  readonly started: { readonly requestId: string; readonly atMs: number }[] = [];
  readonly sent: Sent[] = [];
  readonly problems: string[] = [];
  config: Partial<EventInvokeConfig> = {};
  target: Partial<EventTarget> = {};
  /** Overrides what is found. */
  found: FoundTarget | undefined;
  /** Throws to refuse. */
  onSend: (sent: Sent) => void = () => {};
  readonly #database: EventDatabase;
  readonly #limits: AsynchronousLimits;
  #invoker: AsynchronousInvoker | undefined;
  #generation = 0;

  private constructor(database: EventDatabase, limits: AsynchronousLimits) {
    this.#database = database;
    this.#limits = limits;
  }

  static async open(limits: Partial<AsynchronousLimits> = {}): Promise<EventRig> {
    const rig = new EventRig(await EventDatabase.open(':memory:'), { ...defaults, ...limits });
    await rig.start();
    return rig;
  }

  get invoker(): AsynchronousInvoker {
    if (this.#invoker === undefined) throw new Error('no daemon runs');
    return this.#invoker;
  }

  async start(): Promise<void> {
    this.#generation += 1;
    this.#invoker = new AsynchronousInvoker({
      store: this.#storeOf(this.#generation),
      targets: {
        find: async (event) => this.found ?? this.#targetOf(event),
        functionArn: (event) => arnOf(event, event.qualifier ?? '$LATEST'),
      },
      invoker: { invoke: (request) => this.#run(request) },
      sender: this.#sender(),
      clock: this.clock,
      limits: this.#limits,
      onProblem: (problem) => this.problems.push(problem),
    });
    await this.#invoker.start();
    await settle();
  }

  /** As kill -9: nothing that was under way goes on. */
  kill(): void {
    this.#invoker?.stop();
    this.#invoker = undefined;
    this.#generation += 1;
    this.running.length = 0;
  }

  async accept(more: Partial<AcceptRequest> & { payload?: string } = {}): Promise<string> {
    const { payload = '{"a":1}', ...request } = more;
    const requestId = randomUUID();
    const content = { payload: Buffer.from(payload) };
    await this.invoker.accept({ accountId: rigAccount, functionName: 'f', qualifier: undefined, requestId, content, ...request });
    await settle();
    return requestId;
  }

  /** Ends the attempt that began first. */
  async end(result: InvokeResult | Error): Promise<void> {
    const attempt = this.running.shift();
    if (attempt === undefined) throw new Error('nothing runs');
    attempt.end(result);
    await settle();
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settle();
  }

  rows(): Promise<number> {
    return this.#database.backlog().then(({ use }) => use.reduce((sum, { events }) => sum + events, 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#database.close();
  }

  #targetOf(event: QueuedEvent): EventTarget {
    const { accountId, functionName, qualifier } = event;
    return {
      kind: 'found',
      function: functionVersion({ accountId, functionName }),
      invokedFunctionArn: arnOf(event, qualifier),
      config: { qualifier: qualifier ?? '$LATEST', lastModifiedMs: 0, ...this.config },
      deadLetterArn: undefined,
      hasNoConcurrency: false,
      ...this.target,
    };
  }

  async #run(given: InvokeRequest): Promise<InvokeResult> {
    const request = { ...given, traceHeader: this.#traces.enter(given.function, given.traceHeader) };
    const { promise, resolve, reject } = Promise.withResolvers<InvokeResult>();
    this.started.push({ requestId: request.requestId, atMs: this.clock.wallMs() });
    this.running.push({
      request,
      startedAtMs: this.clock.wallMs(),
      end: (result) => (result instanceof Error ? reject(result) : resolve(result)),
    });
    return promise;
  }

  /** What a killed daemon was still about to write never arrives. */
  #storeOf(generation: number): EventStore {
    const database = this.#database;
    const alive = <T>(work: () => Promise<T>): Promise<T> => (generation === this.#generation ? work() : new Promise<T>(() => {}));
    return {
      commit: (changes) => alive(async () => (await database.commit([changes]))[0] ?? []),
      next: (phase, lane, limit) => alive(() => database.next(phase, lane, limit)),
      read: (id) => alive(() => database.read(id)),
      backlog: () => alive(() => database.backlog()),
    };
  }

  #sender(): EventSender {
    const send = async (sent: Sent) => {
      this.onSend(sent);
      this.sent.push(sent);
    };
    return {
      sendRecord: (destination, message) => send({ kind: 'record', destination, body: invocationRecord(message) }),
      sendDeadLetter: (destination, message: OutcomeMessage) =>
        send({
          kind: 'deadLetter',
          destination,
          body: message.content.payload.toString(),
          attributes: deadLetterAttributes(message),
        }),
    };
  }
}

function arnOf({ accountId, functionName }: QueuedEvent, qualifier: string | undefined): string {
  const arn = `arn:aws:lambda:us-east-1:${accountId}:function:${functionName}`;
  return qualifier === undefined ? arn : `${arn}:${qualifier}`;
}

/** Lets everything that waits for nothing but its turn go on: the database answers within turns, not within time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
