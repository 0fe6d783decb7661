import type { EnvironmentLifetime } from '../../functions/environment-lifetime.ts';
import type { EnvironmentOwner } from '../environment-owner.ts';

/** `wedged`: its destruction failed. */
export type EntryPhase = 'creating' | 'idle' | 'busy' | 'finishing' | 'ending' | 'wedged';

/** One environment of a pool. */
export interface PoolEntry<E> {
  readonly owner: EnvironmentOwner;
  readonly environment: E;
  readonly lifetime: EnvironmentLifetime;
  readonly madeAtMs: number;
  /** Made ahead of invocations: it stays while it is idle, also when others want its room. */
  readonly isProvisioned: boolean;
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
export function overdueAtMs({ idleSinceMs, madeAtMs, lifetime, isProvisioned }: PoolEntry<unknown>): number {
  const oldAtMs = madeAtMs + lifetime.maxAgeMs;
  return isProvisioned ? oldAtMs : Math.min(idleSinceMs + lifetime.idleTimeoutMs, oldAtMs);
}

export function isTooOld({ madeAtMs, lifetime }: PoolEntry<unknown>, nowMs: number): boolean {
  return nowMs - madeAtMs >= lifetime.maxAgeMs;
}
