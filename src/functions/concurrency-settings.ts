/** What the administrator grants accounts of invocations at once, and how fast. */
export interface ConcurrencySettings {
  /** Of all functions of an account at once. */
  readonly default: number;
  /** By account, where it is another number. */
  readonly accounts: Readonly<Record<string, number>>;
  /** Further environments of one function within so long. */
  readonly scalingRate: { readonly environments: number; readonly refillTimeMs: number };
  /** Synchronous invocations of one account in a second, without those of functions with a reservation. */
  readonly requestsPerSecond: number;
  /** For how long an invocation waits for room on a full host. */
  readonly maxWaitMs: number;
}

/** Lambda's quotas: 1,000 at once, 1,000 environments every 10 seconds, and ten requests per second for each that may run. */
export const lambdaConcurrency: ConcurrencySettings = {
  default: 1_000,
  accounts: {},
  scalingRate: { environments: 1_000, refillTimeMs: 10_000 },
  requestsPerSecond: 10_000,
  maxWaitMs: 1_000,
};

/** What of an account no reservation may take: Lambda's 100; an account that has less than 200 keeps half. */
const minUnreserved = 100;

export interface AccountConcurrency {
  readonly total: number;
  /** What reservations must leave to functions without one. */
  readonly minUnreserved: number;
}

export function accountConcurrency(settings: ConcurrencySettings, accountId: string): AccountConcurrency {
  const total = settings.accounts[accountId] ?? settings.default;
  return { total, minUnreserved: Math.min(minUnreserved, Math.ceil(total / 2)) };
}
