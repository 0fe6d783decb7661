import { CloisterError } from '../../errors.ts';
import { readKernelFile } from '../../linux/kernel-file.ts';

export interface MemoryBudgetOptions {
  /** Never given to environments: the host, the agent and the daemon live on it. */
  readonly reserveMiB: number;
  /** A text like /proc/meminfo. @default the host's */
  readonly readMemoryInfo?: () => string;
}

/** Memory's side of the host's budget, in MiB. */
export interface MemoryNumbers {
  readonly totalMiB: number;
  /** What could be had without swapping (proc(5), MemAvailable). */
  readonly availableMiB: number;
  readonly reserveMiB: number;
  /** The sum of the limits of all living environments. */
  readonly promisedMiB: number;
  /** What they use now. */
  readonly usedMiB: number;
  /** What they are still expected to take: see `expectedMiB`. */
  readonly growthMiB: number;
  /** `promisedMiB` as a multiple of what the host has for environments: all its memory less the reserve. Over 1: not all can use what they may. */
  readonly memoryOvercommit: number;
}

interface Environment {
  readonly sizeMiB: number;
  readonly usageBytes: () => number;
}

const mebibyte = 1_048_576;
/** A runtime that has started holds about this much, however small or large its function's limit. */
const leastExpectedMiB = 64;
const expectedShare = 1 / 4;

/** What an environment is counted with until it uses more: a quarter of its limit. Lambda's functions, too, are sized for their worst moment. */
export function expectedMiB(sizeMiB: number): number {
  return Math.min(sizeMiB, Math.max(leastExpectedMiB, sizeMiB * expectedShare));
}

/** Admits environments by what the host really has: what is in use counts as it is, what is not yet used as it is expected, and the reserve stays. */
export class MemoryBudget {
  readonly #reserveMiB: number;
  readonly #readMemoryInfo: () => string;
  readonly #environments = new Set<Environment>();
  #promisedMiB = 0;

  constructor({ reserveMiB, readMemoryInfo = () => readKernelFile('/proc/meminfo') }: MemoryBudgetOptions) {
    this.#reserveMiB = reserveMiB;
    this.#readMemoryInfo = readMemoryInfo;
  }

  /** Counts an environment with a limit of `sizeMiB` until the disposal. Throws `NoCapacity` when the reserve would have to serve for it, `HostUnfit` when it never fits. */
  take(environment: Environment): Disposable {
    const { sizeMiB } = environment;
    const { totalMiB, availableMiB } = this.#host();
    // No end of others would make room for it, so it must not be taken for a want of room.
    if (sizeMiB > totalMiB - this.#reserveMiB)
      throw new CloisterError('HostUnfit', 'the host has less memory than the function may use', { operation: 'prepare' });
    const spareMiB = availableMiB - this.#reserveMiB - expectedMiB(sizeMiB);
    // What environments use matters only when their limits do not all fit: reading each costs time.
    if (spareMiB < this.#promisedMiB && spareMiB < this.#growthMiB()) throw noCapacity('the host has no memory for another environment');
    this.#environments.add(environment);
    this.#promisedMiB += sizeMiB;
    return {
      [Symbol.dispose]: () => {
        if (this.#environments.delete(environment)) this.#promisedMiB -= sizeMiB;
      },
    };
  }

  /** Whether the reserve is being used up by what runs. */
  get isShort(): boolean {
    return this.#host().availableMiB < this.#reserveMiB;
  }

  numbers(): MemoryNumbers {
    const { totalMiB, availableMiB } = this.#host();
    const usedBytes = [...this.#environments].reduce((sum, { usageBytes }) => sum + usageBytes(), 0);
    return {
      totalMiB: Math.floor(totalMiB),
      availableMiB: Math.floor(availableMiB),
      reserveMiB: this.#reserveMiB,
      promisedMiB: this.#promisedMiB,
      usedMiB: Math.ceil(usedBytes / mebibyte),
      growthMiB: Math.ceil(this.#growthMiB()),
      memoryOvercommit: Math.round((this.#promisedMiB / Math.max(1, totalMiB - this.#reserveMiB)) * 100) / 100,
    };
  }

  #growthMiB(): number {
    let growthMiB = 0;
    for (const { sizeMiB, usageBytes } of this.#environments) growthMiB += Math.max(0, expectedMiB(sizeMiB) - usageBytes() / mebibyte);
    return growthMiB;
  }

  #host(): { readonly totalMiB: number; readonly availableMiB: number } {
    const text = this.#readMemoryInfo();
    const read = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1_024;
    return { totalMiB: read('MemTotal'), availableMiB: read('MemAvailable') };
  }
}

function noCapacity(message: string): CloisterError {
  return new CloisterError('NoCapacity', message, { operation: 'prepare' });
}
