import type { InvocationEvent } from '../runtime-api/runtime-api-port.ts';
import type { ScheduledTask } from './clock.ts';
import type { FailureCause } from './invocation-failure.ts';
import type { Span } from './platform-event.ts';

/** What the client gets: the function's answer, or why there is none. */
export type InvocationAnswer = { readonly payload: Buffer } | { readonly failure: FailureCause };

/** What is known once the environment has done with an invocation. */
export interface InvocationEnd {
  readonly durationMs: number;
  /** Of the init before the environment's first invocation. */
  readonly initDurationMs?: number;
  readonly maxMemoryUsedMiB: number;
  readonly failure?: FailureCause;
  /** What came after the runtime was done, for the report. */
  readonly spans?: readonly Span[];
}

/** One invocation in its environment: answered once, ended once, never ended before it is answered. */
export class Invocation {
  readonly event: InvocationEvent;
  readonly answered: Promise<InvocationAnswer>;
  readonly ended: Promise<InvocationEnd>;
  readonly #startedMs: number;
  readonly #answer: (answer: InvocationAnswer) => void;
  readonly #end: (end: InvocationEnd) => void;
  #timeout: ScheduledTask | undefined;
  #isAnswered = false;
  #durationMs: number | undefined;
  #failure: FailureCause | undefined;

  constructor(event: InvocationEvent, startedMs: number) {
    this.event = event;
    this.#startedMs = startedMs;
    const answered = Promise.withResolvers<InvocationAnswer>();
    const ended = Promise.withResolvers<InvocationEnd>();
    this.answered = answered.promise;
    this.ended = ended.promise;
    this.#answer = answered.resolve;
    this.#end = ended.resolve;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** The runtime's part is over, orderly or not: what follows is draining, resetting, reporting. */
  get isOver(): boolean {
    return this.#durationMs !== undefined;
  }

  limit(timeout: ScheduledTask): void {
    this.#timeout = timeout;
  }

  /** The first answer counts. */
  answer(answer: InvocationAnswer): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    if ('failure' in answer) this.#failure = answer.failure;
    this.#answer(answer);
  }

  /** Stops the time. A failure after the answer shows in the REPORT only. */
  over(nowMs: number, failure?: FailureCause): void {
    if (this.isOver) return;
    this.#timeout?.cancel();
    this.#durationMs = nowMs - this.#startedMs;
    if (failure === undefined) return;
    this.#failure = failure;
    this.answer({ failure });
  }

  end(facts: Omit<InvocationEnd, 'durationMs' | 'failure'>): void {
    this.#end({ ...facts, durationMs: this.#durationMs ?? 0, ...(this.#failure === undefined ? {} : { failure: this.#failure }) });
  }
}
