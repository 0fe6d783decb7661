import type { Clock } from './clock.ts';

/** A token bucket that may go into debt: what was done was done, the next of its kind waits. A token is a byte, a microsecond or whatever its user counts. */
export class TokenBudget {
  readonly #tokensPerMs: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #tokens: number;
  #refilledMs: number;

  constructor(options: { readonly tokensPerSecond: number; readonly burst: number; readonly clock: Clock }) {
    this.#tokensPerMs = options.tokensPerSecond / 1_000;
    this.#burst = options.burst;
    this.#clock = options.clock;
    this.#tokens = options.burst;
    this.#refilledMs = options.clock.monotonicMs();
  }

  /** Returns for how many milliseconds nothing more may be done; 0 when the budget still holds. */
  spend(tokens: number): number {
    this.#refill();
    this.#tokens -= tokens;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#tokensPerMs);
  }

  /** Takes tokens if they are all there: 0. Otherwise takes none, and returns after how many milliseconds they will be. */
  take(tokens: number): number {
    this.#refill();
    if (this.#tokens < tokens) return Math.ceil((tokens - this.#tokens) / this.#tokensPerMs);
    this.#tokens -= tokens;
    return 0;
  }

  get isFull(): boolean {
    this.#refill();
    return this.#tokens >= this.#burst;
  }

  /** Gives tokens beyond what time gives; never more than the burst are kept. */
  earn(tokens: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + tokens);
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#refilledMs) * this.#tokensPerMs);
    this.#refilledMs = nowMs;
  }
}
