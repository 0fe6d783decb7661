import type { LaneName } from '../../environment/pool/fair-turns.ts';
import type { QueuedEvent } from './queued-event.ts';

/** Rows of one lane that are held in memory; the others wait on disk. */
const windowSize = 64;
const firstWidth = 2;
/** What is done sooner gains nothing by more environments: it takes a processor, not time. */
const worthMoreWidthMs = 50;
const firstPauseMs = 1_000;
const longestPauseMs = 10_000;

/** The events of one function that wait for the same thing: the next ones in memory, in their order, and how many may go at once. */
export class EventLane {
  readonly name: LaneName;
  #waiting: QueuedEvent[] = [];
  readonly #running = new Set<number>();
  /** Whether there may be rows on disk that are neither in the window nor running. */
  #hasMore: boolean;
  #isLoading = false;
  /** Something came while rows were read, and was left on disk. */
  #missed = false;
  /** At once: grows while more would help, and halves when there is no room (as TCP's window does). */
  #width = firstWidth;
  #credit = 0;
  #refusals = 0;
  #pausedUntilMs = 0;

  constructor(name: LaneName, hasMore: boolean) {
    this.name = name;
    this.#hasMore = hasMore;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Events in memory. */
  get held(): number {
    return this.#waiting.length;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#running.size === 0 && !this.#hasMore && !this.#isLoading;
  }

  get needsLoad(): boolean {
    return this.#hasMore && !this.#isLoading && this.#waiting.length < windowSize / 2;
  }

  /** Takes an event that is on disk into the window, if that is its place. */
  offer(event: QueuedEvent): void {
    const last = this.#waiting.at(-1);
    const isBeyond = this.#hasMore && (last === undefined || isBefore(last, event));
    if (isBeyond) {
      this.#missed ||= this.#isLoading;
      return;
    }
    this.#insert(event);
    if (this.#waiting.length <= windowSize) return;
    this.#waiting.pop();
    this.#hasMore = true;
    this.#missed ||= this.#isLoading;
  }

  /** When the next event may start; undefined while nothing can, whatever the time. */
  readyAtMs(): number | undefined {
    const [first] = this.#waiting;
    if (first === undefined || this.#running.size >= this.#width) return undefined;
    return Math.max(first.dueAtMs, this.#pausedUntilMs);
  }

  take(): QueuedEvent | undefined {
    const event = this.#waiting.shift();
    if (event !== undefined) this.#running.add(event.id);
    return event;
  }

  /** An event has been tried. `again` is how it waits now. */
  settle(ended: { id: number; again: QueuedEvent | undefined; wasRefused: boolean; tookMs: number; nowMs: number; widest: number }): void {
    this.#running.delete(ended.id);
    if (ended.wasRefused) this.#narrow(ended.nowMs);
    else this.#widen(ended);
    if (ended.again !== undefined) this.offer(ended.again);
  }

  /** Reads the next rows into the window. `load` is told how many; running ones are among what it answers. */
  async load(load: (limit: number) => Promise<readonly QueuedEvent[]>): Promise<void> {
    this.#isLoading = true;
    this.#missed = false;
    const limit = windowSize + this.#running.size;
    try {
      const rows = await load(limit);
      this.#hasMore = rows.length === limit || this.#missed;
      const known = new Set(this.#waiting.map(({ id }) => id));
      for (const row of rows) if (!known.has(row.id) && !this.#running.has(row.id)) this.#insert(row);
      if (this.#waiting.length > windowSize) {
        this.#waiting.length = windowSize;
        this.#hasMore = true;
      }
    } finally {
      this.#isLoading = false;
    }
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
    this.#hasMore = false;
  }

  #insert(event: QueuedEvent): void {
    let index = this.#waiting.length;
    while (index > 0 && isBefore(event, this.#waiting[index - 1] as QueuedEvent)) index -= 1;
    this.#waiting.splice(index, 0, event);
  }

  #narrow(nowMs: number): void {
    this.#credit = 0;
    // Those that were under way together are refused together: that is one refusal.
    if (nowMs < this.#pausedUntilMs) return;
    this.#width = Math.max(1, Math.floor(this.#width / 2));
    this.#pausedUntilMs = nowMs + Math.min(firstPauseMs * 2 ** this.#refusals, longestPauseMs);
    this.#refusals = Math.min(this.#refusals + 1, 16);
  }

  #widen({ tookMs, nowMs, widest }: { tookMs: number; nowMs: number; widest: number }): void {
    this.#refusals = 0;
    const [next] = this.#waiting;
    if (tookMs < worthMoreWidthMs || next === undefined || next.dueAtMs > nowMs) return;
    this.#credit += 1;
    if (this.#credit < this.#width) return;
    this.#credit = 0;
    this.#width = Math.min(this.#width + 1, widest);
  }
}

function isBefore(one: QueuedEvent, other: QueuedEvent): boolean {
  return one.dueAtMs < other.dueAtMs || (one.dueAtMs === other.dueAtMs && one.id < other.id);
}
