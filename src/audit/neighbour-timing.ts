import type { Inside, NeighbourTiming } from './attack.ts';

export interface NeighbourTimingOptions {
  readonly invoke: (nonce: number) => Promise<Inside>;
  /** How many, or … */
  readonly invocations?: number;
  /** … until this settles. */
  readonly until?: Promise<unknown>;
}

const hashRounds = 100_000;

/** Invokes the neighbour one after the other, checks each answer against the same computation here, and measures as its client sees it. */
export async function timeNeighbour({ invoke, invocations, until }: NeighbourTimingOptions): Promise<NeighbourTiming> {
  const durations: number[] = [];
  let wrong = 0;
  let ended = false;
  const end = () => {
    ended = true;
  };
  void until?.then(end, end);
  for (let nonce = 1; !ended && (invocations === undefined || nonce <= invocations); nonce += 1) {
    const started = performance.now();
    const { facts } = await invoke(nonce).catch((): Pick<Inside, 'facts'> => ({ facts: {} }));
    durations.push(performance.now() - started);
    if (facts['hash'] !== String(expectedHash(nonce))) wrong += 1;
  }
  return { invocations: durations.length, wrong, p50Ms: percentile(durations, 0.5), p99Ms: percentile(durations, 0.99) };
}

/** What src/audit/attacker/neighbour.c computes: FNV-1a. */
function expectedHash(nonce: number): number {
  let hash = (2_166_136_261 ^ nonce) >>> 0;
  for (let round = 0; round < hashRounds; round += 1) hash = Math.imul(hash ^ (round & 0xff), 16_777_619) >>> 0;
  return hash;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
