import type { ResponseStream } from '../runtime-api/response-stream.ts';
import type { InvocationEvent } from '../runtime-api/runtime-api-port.ts';
import type { Clock, ScheduledTask } from './clock.ts';
import type { FailureCause } from './invocation-failure.ts';
import type { PlatformEvent, Span } from './log/platform-event.ts';
import { extensionOverheadSpan, type RuntimeDoneFacts, runtimeDoneEvent } from './runtime-done-event.ts';
import { answerOf, type StreamedAnswer } from './streamed-answer.ts';

/** What the client gets: the function's answer, or why there is none. */
export type InvocationAnswer =
  | { readonly payload: Buffer; readonly contentType: string | undefined }
  | { readonly stream: StreamedAnswer }
  | { readonly failure: FailureCause };

/** What is known once the environment has done with an invocation. */
export interface InvocationEnd {
  /**
   * Until the runtime and every extension had done: "the duration is the sum of all invocation time (runtime + extensions)".
   * Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-invoke
   */
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
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #answer: (answer: InvocationAnswer) => void;
  readonly #end: (end: InvocationEnd) => void;
  #timeout: ScheduledTask | undefined;
  #hasBegun = false;
  #onBegin: () => void = () => {};
  /** When the event was handed out, after an init of its own if it needed one. */
  #deliveredMs: number | undefined;
  #response: { readonly beganMs: number; readonly endedMs: number; readonly producedBytes: number } | undefined;
  #interrupt: (cause: FailureCause) => void = () => {};
  #isAnswered = false;
  #runtimeDoneMs: number | undefined;
  #isRuntimeDoneTold = false;
  #endedMs: number | undefined;
  #failure: FailureCause | undefined;

  constructor(event: InvocationEvent, clock: Clock) {
    this.event = event;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
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

  get isRuntimeDone(): boolean {
    return this.#runtimeDoneMs !== undefined;
  }

  /** Everybody's part is over, orderly or not: what follows is draining, resetting, reporting. */
  get isOver(): boolean {
    return this.#endedMs !== undefined;
  }

  /** Milliseconds on the monotonic clock. */
  get endedMs(): number | undefined {
    return this.#endedMs;
  }

  get failure(): FailureCause | undefined {
    return this.#failure;
  }

  /** Called once, maybe at once: when the event is handed out, or will never be. An init that the invocation needed is over by then. */
  onBegin(listener: () => void): void {
    if (this.#hasBegun) listener();
    else this.#onBegin = listener;
  }

  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#onBegin();
  }

  limit(timeout: ScheduledTask): void {
    this.#timeout = timeout;
  }

  delivered(): void {
    this.#deliveredMs = this.#clock.monotonicMs();
  }

  /** The first answer counts. */
  answer(answer: InvocationAnswer): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    if ('failure' in answer) this.#failure = answer.failure;
    else if ('payload' in answer) this.#responded(this.#clock.monotonicMs(), answer.payload.length);
    this.#answer(answer);
  }

  /** The answer begins to come; it ends by itself, or with the invocation. */
  answerWith(stream: ResponseStream): void {
    const beganMs = this.#clock.monotonicMs();
    const { answer, interrupt } = answerOf(stream);
    this.#responded(beganMs, 0);
    this.#interrupt = (cause) => {
      this.#responded(beganMs, stream.receivedBytes);
      interrupt(cause);
    };
    void answer.ended.then((failure) => {
      this.#interrupt = () => {};
      this.#failure ??= failure;
      if (!this.isOver) this.#responded(beganMs, stream.receivedBytes);
    });
    this.answer({ stream: answer });
  }

  /** The runtime asked for its next event: the time goes on for as long as extensions need. */
  runtimeDone(): void {
    this.#runtimeDoneMs ??= this.#clock.monotonicMs();
  }

  /** Stops the time. A failure after the answer shows in the REPORT only. */
  over(failure?: FailureCause): void {
    if (this.isOver) return;
    this.#timeout?.cancel();
    this.#endedMs = this.#clock.monotonicMs();
    if (failure === undefined) return;
    this.#failure = failure;
    this.#interrupt(failure);
    this.answer({ failure });
  }

  /** What the platform tells when the runtime's part is over, or will not be: once. */
  takeRuntimeDone(): PlatformEvent | undefined {
    if (this.#isRuntimeDoneTold) return undefined;
    this.#isRuntimeDoneTold = true;
    const startedMs = this.#deliveredMs ?? this.#runtimeDoneMs ?? this.#clock.monotonicMs();
    const durationMs = (this.#runtimeDoneMs ?? this.#endedMs ?? startedMs) - startedMs;
    const facts: RuntimeDoneFacts = { event: this.event, startedWallMs: this.#wallMs(startedMs), durationMs, cause: this.#failure };
    if (this.#response === undefined) return runtimeDoneEvent(facts);
    const { beganMs, endedMs, producedBytes } = this.#response;
    return runtimeDoneEvent({ ...facts, response: { beganMs: beganMs - startedMs, endedMs: endedMs - startedMs, producedBytes } });
  }

  end(facts: Pick<InvocationEnd, 'maxMemoryUsedMiB' | 'initDurationMs'> & { readonly hasExtensions: boolean }): void {
    const { hasExtensions, ...rest } = facts;
    const endedMs = this.#endedMs ?? this.#startedMs;
    const doneMs = hasExtensions ? this.#runtimeDoneMs : undefined;
    this.#end({
      ...rest,
      durationMs: endedMs - this.#startedMs,
      ...(doneMs === undefined ? {} : { spans: [extensionOverheadSpan(this.#wallMs(doneMs), endedMs - doneMs)] }),
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    });
  }

  #responded(beganMs: number, producedBytes: number): void {
    this.#response = { beganMs, endedMs: this.#clock.monotonicMs(), producedBytes };
  }

  #wallMs(monotonicMs: number): number {
    return this.#clock.wallMs() - (this.#clock.monotonicMs() - monotonicMs);
  }
}
