import type { Clock } from './clock.ts';

/** A token bucket over bytes that may go into debt: what was read was read, the next read waits. */
export class ByteBudget {
  readonly #bytesPerMs: number;
  readonly #burstBytes: number;
  readonly #clock: Clock;
  #bytes: number;
  #refilledMs: number;

  constructor(options: { readonly bytesPerSecond: number; readonly burstBytes: number; readonly clock: Clock }) {
    this.#bytesPerMs = options.bytesPerSecond / 1_000;
    this.#burstBytes = options.burstBytes;
    this.#clock = options.clock;
    this.#bytes = options.burstBytes;
    this.#refilledMs = options.clock.monotonicMs();
  }

  /** Returns for how many milliseconds nothing more may be read; 0 when the budget still holds. */
  spend(bytes: number): number {
    const nowMs = this.#clock.monotonicMs();
    this.#bytes = Math.min(this.#burstBytes, this.#bytes + (nowMs - this.#refilledMs) * this.#bytesPerMs);
    this.#refilledMs = nowMs;
    this.#bytes -= bytes;
    return this.#bytes >= 0 ? 0 : Math.ceil(-this.#bytes / this.#bytesPerMs);
  }
}
