import type { TelemetrySchema, TelemetryStream, TelemetrySubscription } from '../../runtime-api/telemetry/telemetry-subscription.ts';
import type { Clock, ScheduledTask } from '../clock.ts';
import type { LogsDroppedRecord } from '../log/platform-event.ts';
import { platformJson } from '../log/platform-json.ts';
import type { TokenBudget } from '../token-budget.ts';
import type { MemoryAllowance } from './memory-allowance.ts';
import { type TelemetryBatch, TelemetryQueue } from './telemetry-batch.ts';
import type { TelemetrySender } from './telemetry-sender.ts';

/** An attempt that has not been answered after this much time of a running environment is given up. */
const answerTimeoutMs = 5_000;

/** Attempts come further and further apart; after so many the batch is dropped. */
const firstRetryMs = 100;
const longestRetryMs = 5_000;
const maxAttempts = 8;

/** What an attempt costs beside its bytes: a connection, and the host agent's work for it. */
const attemptCostBytes = 512 * 1024;

/** What an event costs beside its text. */
const eventCostBytes = 128;

const tooSlow = 'Consumer seems to have fallen behind as it has not acknowledged receipt of logs.';

export interface TelemetrySubscriberOptions {
  readonly subscription: TelemetrySubscription;
  readonly sender: TelemetrySender;
  readonly clock: Clock;
  /** Shared with the environment's other subscribers. */
  readonly allowance: MemoryAllowance;
  readonly budget: TokenBudget;
}

/**
 * One subscription: gathers events and sends them batch by batch while the environment runs.
 * SECURITY: whatever the other side does, what waits for it is bounded, and nobody waits for it.
 */
export class TelemetrySubscriber {
  readonly #options: TelemetrySubscriberOptions;
  readonly #queue: TelemetryQueue;
  /** On its way, or to be tried again. */
  #batch: TelemetryBatch | undefined;
  #batchCost = 0;
  #isUnderway = false;
  #isPaused = false;
  #isFlushing = false;
  #isClosed = false;
  #attempts = 0;
  #failures = 0;
  /** Nothing is sent before; monotonic milliseconds. */
  #notBeforeMs = 0;
  #wake: ScheduledTask | undefined;
  #answerTimeout: ScheduledTask | undefined;
  #droppedRecords = 0;
  #droppedBytes = 0;

  constructor(options: TelemetrySubscriberOptions) {
    this.#options = options;
    this.#queue = new TelemetryQueue(options.subscription.buffering);
  }

  get schema(): TelemetrySchema {
    return this.#options.subscription.schema;
  }

  wants(stream: TelemetryStream): boolean {
    return this.#options.subscription.streams.includes(stream);
  }

  /** Takes one event, as JSON, or drops it when too much waits already. */
  offer(text: string): void {
    const bytes = Buffer.byteLength(text);
    const cost = bytes + eventCostBytes;
    if (this.#isClosed) return;
    if (this.#queue.isOverfull || !this.#options.allowance.take(cost)) {
      this.dropped(1, bytes);
      return;
    }
    this.#queue.push(text, bytes, this.#options.clock.monotonicMs());
    if (this.#wake === undefined || this.#queue.isFull) this.#pump();
  }

  /** Counts what could not be kept: it is told with the next batch. */
  dropped(records: number, bytes: number): void {
    this.#droppedRecords += records;
    this.#droppedBytes += bytes;
  }

  /** The environment is frozen: nothing is begun, and no time runs. */
  pause(): void {
    this.#isPaused = true;
    this.#wake?.cancel();
    this.#wake = undefined;
    this.#answerTimeout?.cancel();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#isUnderway) this.#limitAnswer();
    this.#pump();
  }

  /** Sends what there is without waiting for more. */
  flush(): void {
    this.#isFlushing = true;
    this.#pump();
  }

  /** Its listener is there, or there again: what failed before says nothing any more. */
  forgive(): void {
    this.#failures = 0;
    this.#attempts = 0;
    this.#notBeforeMs = 0;
    this.#pump();
  }

  close(): void {
    if (this.#isClosed) return;
    this.pause();
    this.#isClosed = true;
    this.#options.allowance.give(this.#batchCost + this.#queue.bytes + this.#queue.length * eventCostBytes);
    this.#options.sender.abandon();
  }

  /** Sends the next batch if it is time for it, or sees to it that it will be. */
  #pump(): void {
    if (this.#isPaused || this.#isClosed || this.#isUnderway) return;
    this.#wake?.cancel();
    this.#wake = undefined;
    const nowMs = this.#options.clock.monotonicMs();
    const dueMs = this.#dueMs(nowMs);
    if (dueMs === undefined) return;
    const atMs = Math.max(dueMs, this.#notBeforeMs);
    if (atMs > nowMs) {
      this.#wakeAt(atMs, nowMs);
      return;
    }
    this.#batch ??= this.#gather(nowMs);
    void this.#attempt(this.#batch, nowMs);
  }

  /** When there is something to send; undefined: there is nothing. */
  #dueMs(nowMs: number): number | undefined {
    if (this.#batch !== undefined) return nowMs;
    if (!this.#queue.isEmpty) return this.#queue.isFull || this.#isFlushing ? nowMs : this.#queue.dueMs;
    this.#isFlushing = false;
    return this.#droppedRecords > 0 && this.wants('platform') ? nowMs : undefined;
  }

  #gather(nowMs: number): TelemetryBatch {
    const taken = this.#queue.take(nowMs);
    this.#batchCost = taken.bytes + taken.events.length * eventCostBytes;
    const told = this.#droppedEvent();
    return told === undefined ? taken : { events: [...taken.events, told], bytes: taken.bytes + told.length };
  }

  #droppedEvent(): string | undefined {
    if (this.#droppedRecords === 0) return undefined;
    const record: LogsDroppedRecord = { reason: tooSlow, droppedRecords: this.#droppedRecords, droppedBytes: this.#droppedBytes };
    this.#droppedRecords = 0;
    this.#droppedBytes = 0;
    if (!this.wants('platform')) return undefined;
    return platformJson({ type: 'platform.logsDropped', record }, this.#options.clock.wallMs(), this.schema);
  }

  async #attempt(batch: TelemetryBatch, nowMs: number): Promise<void> {
    const { sender, budget } = this.#options;
    this.#isUnderway = true;
    this.#attempts += 1;
    this.#notBeforeMs = nowMs + budget.spend(batch.bytes + attemptCostBytes);
    this.#limitAnswer();
    const arrived = await sender.send(batch);
    if (this.#isClosed) return;
    this.#answerTimeout?.cancel();
    this.#isUnderway = false;
    if (arrived) this.#failures = 0;
    else this.#failed(batch);
    if (arrived || this.#attempts >= maxAttempts) this.#endBatch();
    this.#pump();
  }

  #failed(batch: TelemetryBatch): void {
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, maxAttempts);
    this.#notBeforeMs = Math.max(this.#notBeforeMs, this.#options.clock.monotonicMs() + delayMs);
    if (this.#attempts >= maxAttempts) this.dropped(batch.events.length, batch.bytes);
  }

  #endBatch(): void {
    this.#options.allowance.give(this.#batchCost);
    this.#batch = undefined;
    this.#batchCost = 0;
    this.#attempts = 0;
  }

  #limitAnswer(): void {
    this.#answerTimeout?.cancel();
    if (this.#isPaused) return;
    this.#answerTimeout = this.#options.clock.schedule(answerTimeoutMs, () => this.#options.sender.abandon());
  }

  #wakeAt(atMs: number, nowMs: number): void {
    this.#wake = this.#options.clock.schedule(atMs - nowMs, () => {
      this.#wake = undefined;
      this.#pump();
    });
  }
}
