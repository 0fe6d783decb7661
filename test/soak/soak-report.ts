import type { Footprint } from './footprint.ts';
import type { SoakResult } from './soak.ts';

/** What one process may have grown by from the first to the last third: V8's heap grows by tens of MiB before it settles. */
const maxGrowthMiB = 64;
/** Once it has had the time to settle. */
const maxSlopeMiBPerMinute = 4;
const settledAfterMs = 300_000;
/** Descriptors that a process opens once, when something is used first. */
const sparedDescriptors = 3;

/** What is wrong with a run; empty when it was well. */
export function soakFaults({ violations, memory, before, after, leftOnHost, counts, kills }: SoakResult): string[] {
  const grown = (['daemon', 'agent'] as const).flatMap((who) => {
    const [growthMiB, slope] = [memory[who].growthMiB(), memory[who].slopeMiBPerMinute()];
    const isSettled = memory[who].spanMs >= settledAfterMs;
    if (growthMiB <= maxGrowthMiB && !(isSettled && slope > maxSlopeMiBPerMinute)) return [];
    return [`the ${who}'s memory grew by ${growthMiB.toFixed(1)} MiB, ${slope.toFixed(2)} MiB/min`];
  });
  const leaked = (Object.keys(after) as (keyof Footprint)[]).flatMap((what) => {
    const spared = what.endsWith('Descriptors') ? sparedDescriptors : 0;
    return after[what] > before[what] + spared ? [`${what}: ${before[what]} at first, ${after[what]} at the end`] : [];
  });
  const right = [...counts].filter(([what]) => what.startsWith('right')).reduce((sum, [, count]) => sum + count, 0);
  return [
    ...violations,
    ...grown,
    ...leaked,
    ...(leftOnHost === '' ? [] : [`left on the host: ${leftOnHost}`]),
    // A soak in which little happens proves little.
    ...(right > 10 * kills ? [] : [`only ${right} right answers beside ${kills} kills`]),
  ];
}

export function reportSoak({ counts, kills, processes, memory, before, after }: SoakResult): string[] {
  const table = [...counts].toSorted(([one], [other]) => one.localeCompare(other)).map(([what, count]) => `  ${String(count).padStart(7)}  ${what}`);
  const footprint = (Object.keys(after) as (keyof Footprint)[]).map((what) => `  ${what}: ${before[what]} → ${after[what]}`);
  const trends = (['daemon', 'agent'] as const).map((who) => {
    const trend = memory[who];
    const figures = `${trend.lastMiB.toFixed(1)} MiB at the end, ${trend.growthMiB().toFixed(1)} MiB grown, slope ${trend.slopeMiBPerMinute().toFixed(2)} MiB/min`;
    return `  ${who}: ${figures}`;
  });
  return [
    `answers (${processes} processes answered, ${kills} were killed):`,
    ...table,
    'resident memory:',
    ...trends,
    'held without environments, early and at the end:',
    ...footprint,
  ];
}
