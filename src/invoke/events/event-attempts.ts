import { randomUUID } from 'node:crypto';
import type { Clock } from '../../environment/clock.ts';
import { CloisterError, type CloisterErrorCode } from '../../errors.ts';
import type { Invoker } from '../invoker.ts';
import { type AttemptEnd, afterAttempt, backOffMs, beforeAttempt, type EventPolicy, type NextStep } from './event-policy.ts';
import type { EventChange, EventStore, StoredEvent } from './event-store.ts';
import type { EventTarget, EventTargets, FoundTarget } from './event-targets.ts';
import type { Handled } from './fair-queue.ts';
import type { Condition, EventOutcome, OutcomeTarget, QueuedEvent } from './queued-event.ts';

export interface EventAttemptsOptions {
  readonly store: Pick<EventStore, 'read'>;
  readonly commit: (changes: readonly EventChange[]) => Promise<void>;
  readonly targets: EventTargets;
  readonly invoker: Pick<Invoker, 'invoke'>;
  readonly clock: Clock;
  readonly retryDelayMs: number;
  /** The event is over, and someone must hear of it. */
  readonly onConcluded: (event: QueuedEvent) => void;
  readonly onProblem: (problem: string, cause?: unknown) => void;
}

/** Lambda's 429: nothing is wrong, there is only no room. */
const throttledCodes: ReadonlySet<CloisterErrorCode> = new Set([
  'AccountConcurrencyReached',
  'ConcurrencyReached',
  'NoCapacity',
  'ScalingRateReached',
]);

const done: Handled = { wasRefused: false };

/** Tries events: one attempt each, and what follows from it is on disk before anything else happens with the event. */
export class EventAttempts {
  readonly #options: EventAttemptsOptions;

  constructor(options: EventAttemptsOptions) {
    this.#options = options;
  }

  async handle(event: QueuedEvent): Promise<Handled> {
    const { store, clock, onProblem } = this.#options;
    try {
      const stored = await store.read(event.id);
      // Gone, or over: what was read into memory may be older than the row.
      if (stored === undefined || stored.outcome !== undefined) return done;
      if (stored.event.dueAtMs > clock.wallMs()) return { again: stored.event, wasRefused: false };
      return await this.#attempt(stored);
    } catch (error) {
      onProblem('an event could not be handled', error);
      return { again: { ...event, dueAtMs: clock.wallMs() + backOffMs(event.refusals), refusals: event.refusals + 1 }, wasRefused: true };
    }
  }

  async #attempt(stored: StoredEvent): Promise<Handled> {
    const { targets, clock, retryDelayMs, commit } = this.#options;
    const { event } = stored;
    const target = await targets.find(event);
    if (target.kind === 'functionGone') {
      await commit([{ kind: 'remove', id: event.id }]);
      return done;
    }
    if (target.kind === 'qualifierGone') {
      const end: AttemptEnd = { kind: 'qualifierGone', message: `Function not found: ${targets.functionArn(event)}` };
      return this.#follow(stored, target, end, afterAttempt(event, end, { config: undefined, retryDelayMs }, clock.wallMs()));
    }
    const policy: EventPolicy = { config: target.config, retryDelayMs };
    const early = beforeAttempt(event, { ...policy, hasNoConcurrency: target.hasNoConcurrency }, clock.wallMs());
    if (early !== undefined) return this.#follow(stored, target, undefined, early);
    const end = await this.#invoke(stored, target);
    return this.#follow(stored, target, end, afterAttempt(event, end, policy, clock.wallMs()));
  }

  async #invoke({ event, content }: StoredEvent, target: EventTarget): Promise<AttemptEnd> {
    const { payload, ...details } = content;
    // Not there yet, or its code never was: it may be by the next attempt.
    if (target.function.state !== undefined) return { kind: 'throttled' };
    try {
      const {
        functionError,
        interrupted,
        executedVersion,
        payload: answer,
      } = await this.#options.invoker.invoke({
        requestId: event.requestId,
        function: target.function,
        invokedFunctionArn: target.invokedFunctionArn,
        payload,
        logTail: false,
        isEvent: true,
        ...details,
      });
      // Ended under the invocation, by an operator or a shutdown: that is none of the function's failures.
      if (interrupted === true) return { kind: 'systemError' };
      return { kind: 'answered', payload: answer, executedVersion, ...(functionError === undefined ? {} : { functionError }) };
    } catch (error) {
      if (!(error instanceof CloisterError)) throw error;
      if (error.code === 'RecursiveLoop') return { kind: 'recursive' };
      if (throttledCodes.has(error.code)) return { kind: 'throttled' };
      if (error.code !== 'ShuttingDown') this.#options.onProblem('an event could not be run', error);
      return { kind: 'systemError' };
    }
  }

  async #follow(stored: StoredEvent, target: Exclude<FoundTarget, { kind: 'functionGone' }>, end: AttemptEnd | undefined, next: NextStep) {
    const { event } = stored;
    const { commit, clock, onConcluded } = this.#options;
    if (next.kind === 'again') {
      const { dueAtMs, failures, refusals } = next;
      await commit([{ kind: 'postpone', id: event.id, dueAtMs, failures, refusals }]);
      return { again: { ...event, dueAtMs, failures, refusals }, wasRefused: end?.kind !== 'answered' };
    }
    const tell = whoMustHear(next.condition, target);
    if (tell.length === 0) {
      await commit([{ kind: 'remove', id: event.id }]);
      return done;
    }
    const nowMs = clock.wallMs();
    const outcome = this.#outcome(event, end, next, tell, nowMs);
    const responsePayload = end?.kind === 'answered' ? { responsePayload: end.payload } : {};
    await commit([{ kind: 'conclude', id: event.id, dueAtMs: nowMs, outcome, ...responsePayload }]);
    onConcluded({ ...event, dueAtMs: nowMs, refusals: 0 });
    return done;
  }

  #outcome(
    event: QueuedEvent,
    end: AttemptEnd | undefined,
    next: NextStep & { kind: 'over' },
    tell: readonly OutcomeTarget[],
    endedAtMs: number,
  ): EventOutcome {
    const { condition, approximateInvokeCount, error } = next;
    const functionError = end?.kind === 'answered' ? end.functionError : undefined;
    return {
      condition,
      approximateInvokeCount,
      functionArn: this.#options.targets.functionArn(event),
      endedAtMs,
      recordId: randomUUID(),
      targets: tell,
      ...(end?.kind === 'answered'
        ? { response: { executedVersion: end.executedVersion, ...(functionError === undefined ? {} : { functionError }) } }
        : {}),
      ...(error === undefined ? {} : { error }),
    };
  }
}

/** A success goes to its destination; a failure to its destination and to the dead letters: Lambda tells both. */
function whoMustHear(condition: Condition, target: Exclude<FoundTarget, { kind: 'functionGone' }>): readonly OutcomeTarget[] {
  const config = target.kind === 'found' ? target.config : undefined;
  const arn = condition === 'Success' ? config?.onSuccess : config?.onFailure;
  const tell: OutcomeTarget[] = arn === undefined ? [] : [{ kind: 'destination', arn }];
  if (condition !== 'Success' && target.deadLetterArn !== undefined) tell.push({ kind: 'deadLetter', arn: target.deadLetterArn });
  return tell;
}
