import type { Clock } from '../../environment/clock.ts';
import { type Destination, parseDestination } from '../../functions/destination.ts';
import { formatTraceHeader, maxPassages, newTrace, parseTraceHeader, passages, passedThrough } from '../trace-header.ts';
import { backOffMs } from './event-policy.ts';
import { DeliveryRefused, type EventSender } from './event-sender.ts';
import type { EventChange, EventStore, StoredEvent } from './event-store.ts';
import type { EventTargets } from './event-targets.ts';
import type { Handled } from './fair-queue.ts';
import { invocationRecord, type OutcomeMessage } from './invocation-record.ts';
import type { EventOutcome, OutcomeTarget, QueuedEvent } from './queued-event.ts';

export interface EventDeliveriesOptions {
  readonly store: Pick<EventStore, 'read'>;
  readonly commit: (changes: readonly EventChange[]) => Promise<void>;
  readonly sender: EventSender;
  readonly targets: Pick<EventTargets, 'find'>;
  readonly clock: Clock;
  readonly nextId: () => number;
  /** A record became an event of a function here. */
  readonly onAccepted: (event: QueuedEvent) => void;
  readonly onProblem: (problem: string, cause?: unknown) => void;
}

/** After that long a record is given up, as an event is. */
const longestDeliveryMs = 21_600_000;
/** For what the other side does not take: a queue may be about to be made. */
const maxRefusedDeliveries = 5;
const maxEventBytes = 1_048_576;

const done: Handled = { wasRefused: false };

/** Tells an event's targets how it ended, one after the other; the row goes when the last one has been told. */
export class EventDeliveries {
  readonly #options: EventDeliveriesOptions;

  constructor(options: EventDeliveriesOptions) {
    this.#options = options;
  }

  async handle(event: QueuedEvent): Promise<Handled> {
    const { store, clock, onProblem } = this.#options;
    try {
      const stored = await store.read(event.id);
      const target = stored?.outcome?.targets[0];
      if (stored?.outcome === undefined || target === undefined) return done;
      if (stored.event.dueAtMs > clock.wallMs()) return { again: stored.event, wasRefused: false };
      return await this.#deliver({ ...stored, outcome: stored.outcome }, target);
    } catch (error) {
      onProblem('a record could not be handled', error);
      return { again: { ...event, dueAtMs: clock.wallMs() + backOffMs(event.refusals), refusals: event.refusals + 1 }, wasRefused: true };
    }
  }

  async #deliver(stored: StoredEvent & { readonly outcome: EventOutcome }, target: OutcomeTarget): Promise<Handled> {
    const { event, outcome } = stored;
    const { commit, clock, onProblem } = this.#options;
    try {
      const accepted = await this.#send(stored, target);
      const insert: readonly EventChange[] = accepted === undefined ? [] : [{ kind: 'insert', ...accepted }];
      const handled = await this.#told(stored, insert);
      if (accepted !== undefined) this.#options.onAccepted(accepted.event);
      return handled;
    } catch (error) {
      const nowMs = clock.wallMs();
      const isRefused = error instanceof DeliveryRefused;
      if (nowMs - outcome.endedAtMs >= longestDeliveryMs || (isRefused && event.refusals + 1 >= maxRefusedDeliveries)) {
        onProblem(`the record of request ${event.requestId} was given up: ${target.arn} does not take it`, error);
        return this.#told(stored, []);
      }
      if (event.refusals === 0) onProblem(`the record of request ${event.requestId} is tried again: ${target.arn} did not take it`, error);
      const postponed = { dueAtMs: nowMs + backOffMs(event.refusals), failures: event.failures, refusals: event.refusals + 1 };
      await commit([{ kind: 'postpone', id: event.id, ...postponed }]);
      return { again: { ...event, ...postponed }, wasRefused: !isRefused };
    }
  }

  /** Sends to a service outside; what is for a function here is answered, to become a row together with this one's end. */
  async #send(stored: StoredEvent & { readonly outcome: EventOutcome }, { kind, arn }: OutcomeTarget) {
    const { event, content, outcome, responsePayload } = stored;
    const message: OutcomeMessage = { event, content, outcome, responsePayload };
    const destination = parseDestination(arn);
    if (destination === undefined) throw new DeliveryRefused('there is no such kind of destination');
    if (destination.service === 'lambda') return await this.#asEvent(message, destination);
    await (kind === 'deadLetter' ? this.#options.sender.sendDeadLetter(destination, message) : this.#options.sender.sendRecord(destination, message));
    return undefined;
  }

  /** The record goes on in the chain of requests of the event that it tells of. */
  async #asEvent(message: OutcomeMessage, { accountId, functionName, qualifier }: Destination & { service: 'lambda' }) {
    const { event, content } = message;
    const nowMs = this.#options.clock.wallMs();
    const trace = passedThrough(parseTraceHeader(content.traceHeader) ?? newTrace(nowMs), event);
    const payload = Buffer.from(invocationRecord(message));
    if (payload.length > maxEventBytes) throw new DeliveryRefused(`${payload.length} bytes are too many for an event`);
    const { recordId: requestId } = message.outcome;
    const place = { id: this.#options.nextId(), accountId, functionName, qualifier, requestId, acceptedAtMs: nowMs, dueAtMs: nowMs };
    const accepted: QueuedEvent = { ...place, failures: 0, refusals: 0 };
    if (passages(trace, accepted) > maxPassages) await this.#expectLoopAllowed(accepted);
    return { event: accepted, content: { payload, traceHeader: formatTraceHeader(trace) } };
  }

  /** A function that was stopped already is not told of that: it would be stopped again, and again be told. */
  async #expectLoopAllowed(event: QueuedEvent): Promise<void> {
    const target = await this.#options.targets.find(event);
    if (target.kind === 'found' && target.function.recursiveLoop !== 'Allow') throw new DeliveryRefused('the functions call each other in a loop');
  }

  /** One target fewer. */
  async #told({ event, outcome }: StoredEvent & { readonly outcome: EventOutcome }, alongside: readonly EventChange[]): Promise<Handled> {
    const targets = outcome.targets.slice(1);
    if (targets.length === 0) {
      await this.#options.commit([{ kind: 'remove', id: event.id }, ...alongside]);
      return done;
    }
    await this.#options.commit([{ kind: 'narrow', id: event.id, outcome: { ...outcome, targets } }, ...alongside]);
    const narrowed = { ...event, refusals: 0, dueAtMs: this.#options.clock.wallMs() };
    return { again: narrowed, wasRefused: false };
  }
}
