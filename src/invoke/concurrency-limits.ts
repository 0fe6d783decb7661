import type { Clock } from '../environment/clock.ts';
import { TokenBudgets } from '../environment/token-budgets.ts';
import { CloisterError, type CloisterErrorCode } from '../errors.ts';
import { accountConcurrency, type ConcurrencySettings } from '../functions/concurrency-settings.ts';
import type { FunctionVersion } from '../functions/function-version.ts';

export interface ConcurrencyLimitsOptions {
  readonly settings: ConcurrencySettings;
  readonly clock: Clock;
  /** The sum of an account's reservations; from memory when it was asked for before. */
  readonly totalReserved: (accountId: string) => Promise<number>;
  /** What is kept ready, which is taken from what an account's functions share, and is each version's own. */
  readonly provisioned: {
    readonly wanted: (fn: FunctionVersion) => number;
    readonly wantedUnreserved: (accountId: string) => number;
  };
}

/** What is asked for: one invocation. */
export interface EnterRequest {
  readonly function: FunctionVersion;
  /** Asynchronous: it waited already, and Lambda does not limit its rate. */
  readonly isEvent: boolean;
}

/** "Each instance of your execution environment can serve up to 10 requests per second" (Lambda developer guide, quotas). */
const requestsPerExecution = 10;
/** What runs ends when it ends: a client that comes again in a second finds some of it over. */
const tryAgainMs = 1_000;

/**
 * How much may run at once, and how often it may begin. Functions with a reservation have that much, over all their versions; the others of an account share
 * what its reservations leave.
 */
export class ConcurrencyLimits {
  readonly #options: ConcurrencyLimitsOptions;
  readonly #running = new Map<string, number>();
  readonly #rates: TokenBudgets;

  constructor(options: ConcurrencyLimitsOptions) {
    this.#options = options;
    this.#rates = new TokenBudgets(options.clock);
  }

  /**
   * Takes one; disposing of it gives it back. Throws `ConcurrencyReached` or `ReservedRequestRateReached` of a function with a reservation,
   * `AccountConcurrencyReached` or `RequestRateReached` of the others.
   */
  async enter({ function: fn, isEvent }: EnterRequest): Promise<Disposable> {
    const { accountId, functionName, reservedConcurrency } = fn;
    const { settings, totalReserved, provisioned } = this.#options;
    if (reservedConcurrency !== undefined) {
      const name = `${accountId}:${functionName}`;
      if (reservedConcurrency > 0 && !isEvent) this.#checkRate(name, reservedConcurrency * requestsPerExecution, 'ReservedRequestRateReached');
      return this.#take(name, reservedConcurrency, 'ConcurrencyReached');
    }
    const reserved = await totalReserved(accountId);
    const unreserved = accountConcurrency(settings, accountId).total - reserved - provisioned.wantedUnreserved(accountId);
    if (!isEvent) this.#checkRate(accountId, settings.requestsPerSecond, 'RequestRateReached');
    const wanted = provisioned.wanted(fn);
    const own = `${accountId}:${functionName}:${fn.version}`;
    if ((this.#running.get(own) ?? 0) < wanted) return this.#take(own, wanted, 'AccountConcurrencyReached');
    return this.#take(accountId, unreserved, 'AccountConcurrencyReached');
  }

  #take(name: string, limit: number, code: CloisterErrorCode): Disposable {
    const running = this.#running.get(name) ?? 0;
    if (running >= limit) throw refusal(code, tryAgainMs);
    this.#running.set(name, running + 1);
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        const left = (this.#running.get(name) ?? 1) - 1;
        if (left === 0) this.#running.delete(name);
        else this.#running.set(name, left);
      },
    };
  }

  #checkRate(name: string, perSecond: number, code: CloisterErrorCode): void {
    const waitMs = this.#rates.of(name, { tokensPerSecond: perSecond, burst: perSecond }).take(1);
    if (waitMs > 0) throw refusal(code, waitMs);
  }
}

function refusal(code: CloisterErrorCode, retryAfterMs: number): CloisterError {
  return new CloisterError(code, 'as much runs as may, or has begun in this second', { operation: 'invoke', retryAfterMs });
}
