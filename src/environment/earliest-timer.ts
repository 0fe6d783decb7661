import type { Clock, ScheduledTask } from './clock.ts';

/** One timer for many things that fall due: it wakes at the earliest time it was told. */
export class EarliestTimer {
  readonly #clock: Clock;
  readonly #task: () => void;
  #scheduled: ScheduledTask | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, task: () => void) {
    this.#clock = clock;
    this.#task = task;
  }

  /** Wakes at `atMs` of the monotonic clock, or earlier if it was told so before. */
  wakeAt(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.#scheduled?.cancel();
    this.#atMs = atMs;
    this.#scheduled = this.#clock.schedule(Math.max(0, atMs - this.#clock.monotonicMs()), () => {
      this.#forget();
      this.#task();
    });
  }

  cancel(): void {
    this.#scheduled?.cancel();
    this.#forget();
  }

  #forget(): void {
    this.#scheduled = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}
