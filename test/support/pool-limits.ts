import type { Clock } from '../../src/environment/clock.ts';
import { lambdaConcurrency } from '../../src/functions/concurrency-settings.ts';
import { ConcurrencyLimits } from '../../src/invoke/concurrency-limits.ts';

/** For tests: limits of a pool that are in nobody's way, and no waiting for room. */
export const generousPoolLimits = {
  lifetimeOf: () => ({ idleTimeoutMs: 900_000, maxAgeMs: 28_800_000 }),
  waiting: { maxWaitMs: 0, maxWaitingPerAccount: 0 },
  scalingRate: { environments: 1_000, refillTimeMs: 10_000 },
};

/** Lambda's own, of accounts without reservations. */
export function lambdaConcurrencyLimits(clock: Clock): ConcurrencyLimits {
  return new ConcurrencyLimits({
    settings: lambdaConcurrency,
    clock,
    totalReserved: async () => 0,
    provisioned: { wanted: () => 0, wantedUnreserved: () => 0 },
  });
}
