import { allocatedMiB, type DiskBudget } from './disk-budget.ts';

/** A volume as the watch needs it. */
export interface WatchedVolume {
  readonly imagePath: string;
  /** Gives blocks that hold nothing any more back to the disk. */
  trim(): void;
  /** Ends the environment and its volume. */
  end(): Promise<void>;
}

export interface DiskWatchOptions {
  readonly budget: Pick<DiskBudget, 'freeMiB' | 'reserveMiB'>;
  readonly onProblem: (error: unknown) => void;
  /** @default that of stat(2) */
  readonly allocatedMiB?: (imagePath: string) => number;
}

interface Entry {
  readonly volume: WatchedVolume;
  heldMiB: number;
}

/** More than all volumes of a host grow by together: what is written to them is encrypted first. */
const fastestMiBPerSecond = 2_048;
const [leastPauseMs, mostPauseMs] = [50, 5_000];
/** Below the reserve: trimming costs a look at all of a volume. */
const trimEveryLooks = 20;
/** Ending one that holds less frees nothing worth it. */
const leastHeldMiB = 16;

/**
 * Keeps the reserve of an over-committed disk free. A loop device whose disk is full answers its file system with an I/O error, so it must not come to that:
 * the watch looks at the disk before what is free above the reserve can be used up, and below the reserve has volumes give back what they do not use, then
 * ends the largest of those that grow, one after another.
 */
export class DiskWatch {
  readonly #options: DiskWatchOptions;
  readonly #entries = new Map<WatchedVolume, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #looksBelow = 0;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Watches a volume until the disposal. */
  add(volume: WatchedVolume): Disposable {
    this.#entries.set(volume, { volume, heldMiB: 0 });
    this.#schedule();
    return {
      [Symbol.dispose]: () => {
        this.#entries.delete(volume);
        if (this.#entries.size === 0) this.#stop();
      },
    };
  }

  /** Has every volume give back what it does not use. */
  trim(): void {
    for (const { volume } of this.#entries.values()) {
      try {
        volume.trim();
      } catch (error) {
        this.#options.onProblem(error);
      }
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#looking || this.#entries.size === 0) return;
    const { budget } = this.#options;
    const pauseMs = ((budget.freeMiB() - budget.reserveMiB) * 1_000) / (2 * fastestMiBPerSecond);
    this.#timer = setTimeout(() => void this.#look(), Math.min(mostPauseMs, Math.max(leastPauseMs, pauseMs))).unref();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    this.#stop();
    this.#looking = true;
    try {
      const grown = this.#measure();
      if (!this.#isBelowReserve()) {
        this.#looksBelow = 0;
        return;
      }
      if (this.#looksBelow++ % trimEveryLooks === 0) this.trim();
      if (this.#isBelowReserve()) await this.#endOne(grown);
    } catch (error) {
      this.#options.onProblem(error);
    } finally {
      this.#looking = false;
      this.#schedule();
    }
  }

  #isBelowReserve(): boolean {
    const { budget } = this.#options;
    return budget.freeMiB() < budget.reserveMiB;
  }

  /** Those that hold more than at the last look. Far from the reserve nobody asks. */
  #measure(): readonly Entry[] {
    const { budget, allocatedMiB: held = allocatedMiB } = this.#options;
    if (budget.freeMiB() > 2 * budget.reserveMiB + leastPauseMs * fastestMiBPerSecond * 1e-3) return [];
    return [...this.#entries.values()].filter((entry) => {
      const before = entry.heldMiB;
      entry.heldMiB = held(entry.volume.imagePath);
      return entry.heldMiB > before;
    });
  }

  /** While half of the reserve is left only who grows has to go; then whoever holds most. */
  async #endOne(grown: readonly Entry[]): Promise<void> {
    const { budget } = this.#options;
    const candidates = budget.freeMiB() < budget.reserveMiB / 2 ? [...this.#entries.values()] : grown;
    const [largest] = candidates.filter(({ heldMiB }) => heldMiB >= leastHeldMiB).toSorted((a, b) => b.heldMiB - a.heldMiB);
    await largest?.volume.end();
  }
}
