import type { Clock, ScheduledTask } from '../../src/environment/clock.ts';

interface Task {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that moves only when a test moves it. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #tasks = new Set<Task>();

  get scheduled(): number {
    return this.#tasks.size;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Date.UTC(2026, 0, 2) + this.#nowMs;
  }

  schedule(delayMs: number, run: () => void): ScheduledTask {
    const task = { atMs: this.#nowMs + delayMs, run };
    this.#tasks.add(task);
    return { cancel: () => this.#tasks.delete(task) };
  }

  /** Moves on, running what falls due in its order. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const [due] = [...this.#tasks].filter((task) => task.atMs <= untilMs).sort((one, other) => one.atMs - other.atMs);
      if (due === undefined) break;
      this.#tasks.delete(due);
      this.#nowMs = due.atMs;
      due.run();
    }
    this.#nowMs = untilMs;
  }
}
