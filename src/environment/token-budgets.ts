import type { Clock } from './clock.ts';
import { TokenBudget } from './token-budget.ts';

export interface TokenRate {
  readonly tokensPerSecond: number;
  readonly burst: number;
}

const maxBudgets = 1_000;

/** A token budget for each name, made when it is first asked for, and anew when its rate has changed. */
export class TokenBudgets {
  readonly #clock: Clock;
  readonly #budgets = new Map<string, { readonly rate: TokenRate; readonly budget: TokenBudget }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(name: string, rate: TokenRate): TokenBudget {
    const known = this.#budgets.get(name);
    if (known !== undefined && known.rate.tokensPerSecond === rate.tokensPerSecond && known.rate.burst === rate.burst) return known.budget;
    // What is full again has nothing to remember.
    if (this.#budgets.size >= maxBudgets) for (const [other, { budget }] of this.#budgets) if (budget.isFull) this.#budgets.delete(other);
    const budget = new TokenBudget({ ...rate, clock: this.#clock });
    this.#budgets.set(name, { rate, budget });
    return budget;
  }
}
