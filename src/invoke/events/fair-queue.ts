import type { Clock, ScheduledTask } from '../../environment/clock.ts';
import { FairTurns, type LaneName } from '../../environment/pool/fair-turns.ts';
import { EventLane } from './event-lane.ts';
import type { QueuedEvent } from './queued-event.ts';

/** How it went with an event: `again` is how it waits now, absent when the queue has nothing more to do with it. */
export interface Handled {
  readonly again?: QueuedEvent;
  /** There was no room for it, or the other side was out of order: its lane goes slower. */
  readonly wasRefused: boolean;
}

export interface FairQueueOptions {
  readonly clock: Clock;
  /** How many events may be handled at once. */
  readonly slots: number;
  readonly load: (lane: LaneName, limit: number) => Promise<readonly QueuedEvent[]>;
  /** Must not reject. */
  readonly handle: (event: QueuedEvent) => Promise<Handled>;
  /** Nothing of such an account starts. */
  readonly isHeld?: (accountId: string) => boolean;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** Clocks are set: what is due is looked at again at least this often. */
const longestWaitMs = 60_000;
const loadRetryMs = 1_000;

/** Handles waiting events as they fall due, in fair turns: whatever one's backlog and however long its events take, there is a slot for a newcomer. */
export class FairQueue {
  readonly #options: FairQueueOptions;
  readonly #turns = new FairTurns<EventLane>();
  #running = 0;
  #timer: ScheduledTask | undefined;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** Events that are in memory, waiting or handled: bounded by the number of lanes, not by what waits. */
  get held(): number {
    let held = this.#running;
    for (const lane of this.#turns.lanes()) held += lane.held;
    return held;
  }

  /** Begins with lanes that have rows on disk. */
  open(names: readonly LaneName[]): void {
    for (const name of names) this.#lane(name, true);
    this.wake();
  }

  /** An event that is now on disk. */
  add(event: QueuedEvent): void {
    this.#lane(event, false).offer(event);
    this.wake();
  }

  /** Forgets what waits in a lane. */
  clear(name: LaneName): void {
    const lane = this.#turns.find(name);
    lane?.clear();
    if (lane !== undefined) this.#forgetEmpty(lane);
  }

  /** Starts what can be started, and sees to it that the rest is looked at in time. */
  wake(): void {
    if (this.#isStopped) return;
    const nowMs = this.#options.clock.wallMs();
    while (this.#running < this.#options.slots) {
      const lane = this.#turns.take({
        free: this.#options.slots - this.#running,
        isReady: (waiting) => (waiting.readyAtMs() ?? Number.POSITIVE_INFINITY) <= nowMs,
        isHeld: this.#options.isHeld,
      });
      const event = lane?.take();
      if (lane === undefined || event === undefined) break;
      this.#start(lane, event);
    }
    this.#load();
    this.#sleep(nowMs);
  }

  /** Starts nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Resolves when nothing is handled any more. */
  async idle(): Promise<void> {
    if (this.#running === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    await promise;
  }

  #start(lane: EventLane, event: QueuedEvent): void {
    const { clock, handle, slots } = this.#options;
    const startedMs = clock.monotonicMs();
    this.#running += 1;
    this.#turns.began(lane.name);
    void handle(event).then(({ again, wasRefused }) => {
      this.#running -= 1;
      this.#turns.ended(lane.name);
      const tookMs = clock.monotonicMs() - startedMs;
      lane.settle({ id: event.id, again, wasRefused, tookMs, nowMs: clock.wallMs(), widest: slots });
      this.#forgetEmpty(lane);
      this.wake();
      if (this.#running === 0) this.#onIdle?.();
    });
  }

  #load(): void {
    for (const lane of this.#turns.lanes()) if (lane.needsLoad) void this.#loadLane(lane);
  }

  async #loadLane(lane: EventLane): Promise<void> {
    try {
      await lane.load((limit) => this.#options.load(lane.name, limit));
    } catch (error) {
      if (this.#isStopped) return;
      this.#options.onProblem('waiting events could not be read', error);
      // Not at once again: what failed is likely to fail.
      this.#options.clock.schedule(loadRetryMs, () => this.wake());
      return;
    }
    this.#forgetEmpty(lane);
    this.wake();
  }

  /** One timer for all lanes. Lanes that wait for a slot are woken by what ends. */
  #sleep(nowMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#turns.lanes()) {
      const readyAtMs = lane.readyAtMs();
      if (readyAtMs !== undefined && readyAtMs > nowMs) nextMs = Math.min(nextMs, readyAtMs);
    }
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#options.clock.schedule(Math.min(nextMs - nowMs, longestWaitMs), () => this.wake());
  }

  #lane(name: LaneName, hasMore: boolean): EventLane {
    return this.#turns.lane(name, (made) => new EventLane(made, hasMore));
  }

  #forgetEmpty(lane: EventLane): void {
    if (lane.isEmpty && this.#turns.find(lane.name) === lane) this.#turns.forget(lane.name);
  }
}
