import type { EnvironmentLifetime } from '../functions/environment-lifetime.ts';
import type { EnvironmentOwner } from './environment-owner.ts';

/** `wedged`: its destruction failed. */
export type EntryPhase = 'creating' | 'idle' | 'busy' | 'finishing' | 'ending' | 'wedged';

/** One environment of a pool. */
export interface PoolEntry<E> {
  readonly owner: EnvironmentOwner;
  readonly environment: E;
  readonly lifetime: EnvironmentLifetime;
  readonly madeAtMs: number;
  phase: EntryPhase;
  isRetired: boolean;
  /** The host had room for it: its end gives that back. */
  hasRoom: boolean;
  /** It counts as running where turns are taken. */
  isCounted: boolean;
  idleSinceMs: number;
  ended: Promise<void> | undefined;
}

/** When an idle environment ends by itself, on the monotonic clock. */
export function overdueAtMs({ idleSinceMs, madeAtMs, lifetime }: PoolEntry<unknown>): number {
  return Math.min(idleSinceMs + lifetime.idleTimeoutMs, madeAtMs + lifetime.maxAgeMs);
}

export function isTooOld({ madeAtMs, lifetime }: PoolEntry<unknown>, nowMs: number): boolean {
  return nowMs - madeAtMs >= lifetime.maxAgeMs;
}
