import type { TokenBucket } from './token-bucket.ts';

/** While tokens are left, this many streams at full allowance spend no more than what there is until the next look. */
const streamsWithinTokens = 4;
/** Seconds of the rate that may be owed until the allowance goes below the rate: a look can be late. */
const slackSeconds = 0.25;
const repaySeconds = 0.4;
const leastShareOfRate = 1 / 8;

/**
 * The tokens of one bucket, from what was counted as spent. The kernel's block throttle knows rates only: `allowance` is the rate that makes it keep to
 * the bucket from one look to the next. What is left falls towards nothing as the allowance falls towards the rate, so no look comes too late for it.
 */
export class TokenAccount {
  readonly ratePerSecond: number;
  readonly #size: number;
  #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(bucket: TokenBucket, nowMs: number) {
    this.ratePerSecond = (bucket.size * 1_000) / bucket.refillTimeMs;
    this.#size = bucket.size;
    this.#tokens = bucket.size;
    this.#burst = bucket.oneTimeBurst;
    this.#atMs = nowMs;
  }

  /** Firecracker's order: the one-time burst first. What is spent past all tokens is owed. Less than nothing gives tokens back. */
  spend(used: number, nowMs: number): void {
    this.#tokens = Math.min(this.#size, this.#tokens + (this.ratePerSecond * (nowMs - this.#atMs)) / 1_000);
    this.#atMs = nowMs;
    const fromBurst = Math.min(this.#burst, Math.max(0, used));
    this.#burst -= fromBurst;
    this.#tokens = Math.min(this.#size, this.#tokens - (used - fromBurst));
  }

  /** More than the kernel's own unevenness is owed: several streams share the bucket. */
  get isOverdrawn(): boolean {
    return this.#tokens + this.#burst < -slackSeconds * this.ratePerSecond;
  }

  get burstLeft(): number {
    return this.#burst;
  }

  /** Below 0: what is owed. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Per second, until a look `lookMs` from now. */
  allowance(lookMs: number): number {
    const left = this.#tokens + this.#burst;
    if (left > 0) return this.ratePerSecond + (left * 1_000) / (streamsWithinTokens * lookMs);
    const overSlack = left + slackSeconds * this.ratePerSecond;
    if (overSlack >= 0) return this.ratePerSecond;
    return Math.max(leastShareOfRate * this.ratePerSecond, this.ratePerSecond + overSlack / repaySeconds);
  }
}
