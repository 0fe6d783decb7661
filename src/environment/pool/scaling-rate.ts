import { CloisterError } from '../../errors.ts';
import type { FunctionVersion } from '../../functions/function-version.ts';
import type { Clock } from '../clock.ts';
import { TokenBudgets, type TokenRate } from '../token-budgets.ts';

/** So many further environments a function may get within so long. */
export interface ScalingRateLimit {
  readonly environments: number;
  readonly refillTimeMs: number;
}

/** Lambda's scaling rate: "in each Region, and for each function, your concurrency scaling rate is 1,000 execution environment instances every 10 seconds". */
export class ScalingRate {
  readonly #rate: TokenRate;
  readonly #budgets: TokenBudgets;

  constructor(clock: Clock, { environments, refillTimeMs }: ScalingRateLimit) {
    this.#rate = { tokensPerSecond: (environments * 1_000) / refillTimeMs, burst: environments };
    this.#budgets = new TokenBudgets(clock);
  }

  /** Counts one more environment of the function. Throws `ScalingRateReached` that says when there will be one. */
  take({ accountId, functionName }: FunctionVersion): void {
    const waitMs = this.#budgets.of(`${accountId}:${functionName}`, this.#rate).take(1);
    if (waitMs === 0) return;
    throw new CloisterError('ScalingRateReached', 'the function gets further environments more slowly', {
      operation: 'acquire environment',
      retryAfterMs: waitMs,
    });
  }
}
