/** Resident memory of one process over time. */
export class MemoryTrend {
  readonly #samples: { readonly atMs: number; readonly mib: number }[] = [];

  add(atMs: number, mib: number): void {
    this.#samples.push({ atMs, mib });
  }

  get lastMiB(): number {
    return this.#samples.at(-1)?.mib ?? 0;
  }

  get spanMs(): number {
    return (this.#samples.at(-1)?.atMs ?? 0) - (this.#samples[0]?.atMs ?? 0);
  }

  /** From the median of the first third to that of the last. */
  growthMiB(): number {
    const third = Math.floor(this.#samples.length / 3);
    return third === 0 ? 0 : median(this.#samples.slice(-third).map(({ mib }) => mib)) - median(this.#samples.slice(0, third).map(({ mib }) => mib));
  }

  /** Least squares, in MiB per minute. */
  slopeMiBPerMinute(): number {
    const n = this.#samples.length;
    const meanMs = this.#samples.reduce((sum, { atMs }) => sum + atMs, 0) / n;
    const meanMiB = this.#samples.reduce((sum, { mib }) => sum + mib, 0) / n;
    let [over, under] = [0, 0];
    for (const { atMs, mib } of this.#samples) {
      over += (atMs - meanMs) * (mib - meanMiB);
      under += (atMs - meanMs) ** 2;
    }
    return under === 0 ? 0 : (over / under) * 60_000;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
