export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Percentiles by nearest rank of samples in milliseconds. */
export function distribution(samples: readonly number[]): Distribution {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

/** One line of a bench's table; `beside` is the figure of the same run that it is to be held against. */
export function printLine(label: string, measured: Distribution, beside?: Distribution): void {
  const figures = `p50 ${measured.p50.toFixed(3)} ms  p90 ${measured.p90.toFixed(3)} ms  p99 ${measured.p99.toFixed(3)} ms  n=${measured.count}`;
  const ratio = beside === undefined ? '' : `  ratio of p50 ${(measured.p50 / beside.p50).toFixed(2)}`;
  console.log(`${label.padEnd(44)} ${figures}${ratio}`);
}
