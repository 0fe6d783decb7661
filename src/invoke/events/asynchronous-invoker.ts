import type { Clock } from '../../environment/clock.ts';
import type { LaneName } from '../../environment/pool/fair-turns.ts';
import { CloisterError } from '../../errors.ts';
import type { Invoker } from '../invoker.ts';
import { rootedTraceHeader } from '../trace-header.ts';
import { EventAttempts } from './event-attempts.ts';
import { EventDeliveries } from './event-deliveries.ts';
import type { EventSender } from './event-sender.ts';
import type { AccountUse, EventChange, EventStore } from './event-store.ts';
import type { EventTargets } from './event-targets.ts';
import { FairQueue } from './fair-queue.ts';
import type { EventContent, QueuedEvent } from './queued-event.ts';

/** An asynchronous invocation as the control API hands it over, its payload checked. */
export interface AcceptRequest extends LaneName {
  readonly qualifier: string | undefined;
  readonly requestId: string;
  readonly content: EventContent;
}

/** The queue of asynchronous invocations as the control API sees it. */
export interface EventAcceptor {
  /** Resolves once the event is on disk. Rejects with `QueueFull` when the account has too many, `ShuttingDown`, or what writing failed with. */
  accept(request: AcceptRequest): Promise<void>;
  /** What waits for a function that was deleted is forgotten. */
  forget(lane: LaneName): Promise<void>;
}

export interface AsynchronousInvokerOptions {
  readonly store: EventStore;
  readonly targets: EventTargets;
  readonly invoker: Pick<Invoker, 'invoke'>;
  readonly sender: EventSender;
  readonly clock: Clock;
  readonly limits: AsynchronousLimits;
  readonly onProblem: (problem: string, cause?: unknown) => void;
}

export interface AsynchronousLimits {
  /** Attempts at once, of all accounts. */
  readonly concurrentAttempts: number;
  readonly concurrentDeliveries: number;
  /** What one account may have accepted and not yet done with. */
  readonly maxEventsPerAccount: number;
  readonly maxBytesPerAccount: number;
  /** Before the second attempt after a function's error; twice that before the third. */
  readonly retryDelayMs: number;
}

/** Asynchronous invocations: each is on disk before it is accepted, and stays there until the last one who must hear of its end has. At least once. */
export class AsynchronousInvoker implements EventAcceptor {
  readonly #options: AsynchronousInvokerOptions;
  readonly #attempts: FairQueue;
  readonly #deliveries: FairQueue;
  readonly #use = new Map<string, { events: number; bytes: number }>();
  #lastId = 0;
  #isStopped = false;

  constructor(options: AsynchronousInvokerOptions) {
    const { store, clock, limits, onProblem } = options;
    this.#options = options;
    const commit = (changes: readonly EventChange[]) => this.#commit(changes);
    const attempts = new EventAttempts({
      ...options,
      commit,
      retryDelayMs: limits.retryDelayMs,
      onConcluded: (event) => this.#deliveries.add(event),
    });
    const deliveries = new EventDeliveries({ ...options, commit, nextId: () => this.#nextId(), onAccepted: (event) => this.#attempts.add(event) });
    this.#attempts = new FairQueue({
      clock,
      onProblem,
      slots: limits.concurrentAttempts,
      load: (lane, limit) => store.next('attempt', lane, limit),
      handle: (event) => attempts.handle(event),
      // Records that nobody takes fill the disk as events do.
      isHeld: (accountId) => (this.#use.get(accountId)?.bytes ?? 0) > limits.maxBytesPerAccount,
    });
    this.#deliveries = new FairQueue({
      clock,
      onProblem,
      slots: limits.concurrentDeliveries,
      load: (lane, limit) => store.next('delivery', lane, limit),
      handle: (event) => deliveries.handle(event),
    });
  }

  /** Events that are in memory. */
  get held(): number {
    return this.#attempts.held + this.#deliveries.held;
  }

  /** Accepted events that are not yet done with. */
  get waiting(): number {
    return [...this.#use.values()].reduce((sum, { events }) => sum + events, 0);
  }

  /** Goes on with what an earlier run left. Nothing is accepted before. */
  async start(): Promise<void> {
    const { lastId, lanes, use } = await this.#options.store.backlog();
    this.#lastId = lastId;
    for (const { accountId, events, bytes } of use) this.#use.set(accountId, { events, bytes });
    this.#attempts.open(lanes.filter(({ phase }) => phase === 'attempt'));
    this.#deliveries.open(lanes.filter(({ phase }) => phase === 'delivery'));
  }

  async accept(request: AcceptRequest): Promise<void> {
    const { accountId, functionName, qualifier, requestId } = request;
    if (this.#isStopped) throw new CloisterError('ShuttingDown', 'no more events are taken', { operation: 'accept event' });
    const { maxEventsPerAccount, maxBytesPerAccount } = this.#options.limits;
    const use = this.#use.get(accountId);
    if (use !== undefined && (use.events >= maxEventsPerAccount || use.bytes >= maxBytesPerAccount)) {
      throw new CloisterError('QueueFull', 'the account has as many waiting events as it may', { operation: 'accept event' });
    }
    const nowMs = this.#options.clock.wallMs();
    // One chain, however often it is tried.
    const content = { ...request.content, traceHeader: rootedTraceHeader(request.content.traceHeader, nowMs) };
    const event: QueuedEvent = {
      id: this.#nextId(),
      accountId,
      functionName,
      qualifier,
      requestId,
      acceptedAtMs: nowMs,
      dueAtMs: nowMs,
      failures: 0,
      refusals: 0,
    };
    // Counted before it is written: requests that come meanwhile must see it.
    const reserved = { accountId, events: 1, bytes: content.payload.length };
    this.#count([reserved]);
    try {
      await this.#options.store.commit([{ kind: 'insert', event, content }]);
    } catch (error) {
      this.#count([{ accountId, events: -reserved.events, bytes: -reserved.bytes }]);
      throw error;
    }
    this.#attempts.add(event);
  }

  async forget({ accountId, functionName }: LaneName): Promise<void> {
    const lane = { accountId, functionName };
    this.#attempts.clear(lane);
    await this.#commit([{ kind: 'forget', lane }]);
  }

  /** Starts nothing more; what waits stays on disk for the next start. */
  stop(): void {
    this.#isStopped = true;
    this.#attempts.stop();
    this.#deliveries.stop();
  }

  /** Resolves when the attempts and deliveries that were under way have ended. */
  async idle(): Promise<void> {
    await Promise.all([this.#attempts.idle(), this.#deliveries.idle()]);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  async #commit(changes: readonly EventChange[]): Promise<void> {
    this.#count(await this.#options.store.commit(changes));
  }

  #count(changes: readonly AccountUse[]): void {
    const { maxBytesPerAccount } = this.#options.limits;
    for (const { accountId, events, bytes } of changes) {
      const before = this.#use.get(accountId) ?? { events: 0, bytes: 0 };
      const after = { events: before.events + events, bytes: before.bytes + bytes };
      if (after.events <= 0) this.#use.delete(accountId);
      else this.#use.set(accountId, after);
      if (before.bytes > maxBytesPerAccount && after.bytes <= maxBytesPerAccount) this.#attempts.wake();
    }
  }
}
