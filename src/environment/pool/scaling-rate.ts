import { CloisterError } from '../../errors.ts';
import type { FunctionVersion } from '../../functions/function-version.ts';
import type { Clock } from '../clock.ts';
import { TokenBudget } from '../token-budget.ts';

/** So many further environments a function may get within so long. */
export interface ScalingRateLimit {
  readonly environments: number;
  readonly refillTimeMs: number;
}

const maxBudgets = 1_000;

/** Lambda's scaling rate: "in each Region, and for each function, your concurrency scaling rate is 1,000 execution environment instances every 10 seconds". */
export class ScalingRate {
  readonly #clock: Clock;
  readonly #limit: ScalingRateLimit;
  readonly #budgets = new Map<string, TokenBudget>();

  constructor(clock: Clock, limit: ScalingRateLimit) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Counts one more environment of the function. Throws `ScalingRateReached` that says when there will be one. */
  take({ accountId, functionName }: FunctionVersion): void {
    const waitMs = this.#budget(`${accountId}:${functionName}`).take(1);
    if (waitMs === 0) return;
    throw new CloisterError('ScalingRateReached', 'the function gets further environments more slowly', {
      operation: 'acquire environment',
      retryAfterMs: waitMs,
    });
  }

  #budget(name: string): TokenBudget {
    const known = this.#budgets.get(name);
    if (known !== undefined) return known;
    // What is full again has nothing to remember.
    if (this.#budgets.size >= maxBudgets) for (const [other, budget] of this.#budgets) if (budget.isFull) this.#budgets.delete(other);
    const { environments, refillTimeMs } = this.#limit;
    const budget = new TokenBudget({ tokensPerSecond: (environments * 1_000) / refillTimeMs, burst: environments, clock: this.#clock });
    this.#budgets.set(name, budget);
    return budget;
  }
}
