import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../../errors.ts';

export interface DiskBudgetOptions {
  /** Where the volumes' image files lie; nothing else does. */
  readonly directory: string;
  /** Never given to volumes: the database, logs and images live on it. */
  readonly reserveMiB: number;
  /** How many times over the disk may be promised to volumes; at 1 each volume has its blocks before it is given. */
  readonly maxOvercommit: number;
}

/** The disk's side of the host's budget, in MiB. */
export interface DiskNumbers {
  /** Free for whoever is not root (statfs(2), f_bavail). */
  readonly freeMiB: number;
  readonly reserveMiB: number;
  /** What all living volumes may come to hold. */
  readonly promisedMiB: number;
  /** What they hold now. */
  readonly allocatedMiB: number;
  /** `promisedMiB` as a multiple of what the disk has for volumes: free space and what they hold, less the reserve. Over 1: not all can be filled. */
  readonly diskOvercommit: number;
}

const mebibyte = 1_048_576;

/** Accounts the host's disk before a volume is given: what is free is what counts, and the reserve stays out of it. */
export class DiskBudget {
  readonly #options: DiskBudgetOptions;
  #promisedMiB = 0;

  constructor(options: DiskBudgetOptions) {
    this.#options = options;
  }

  /** Whether a volume of this size could be filled without the reserve. */
  hasRoom(sizeMiB: number): boolean {
    return this.freeMiB() - sizeMiB >= this.#options.reserveMiB;
  }

  /** Promises a volume its size until the disposal. Throws `NoCapacity` when it could not be filled without the reserve, or is one too many. */
  take(sizeMiB: number): Disposable {
    const { reserveMiB, maxOvercommit } = this.#options;
    const freeMiB = this.freeMiB();
    if (!this.hasRoom(sizeMiB)) throw noCapacity("the host's disk has no room for another /tmp");
    // What volumes hold matters only when the free space alone does not cover all that was promised: looking at each costs time.
    const promisedMiB = this.#promisedMiB + sizeMiB;
    if (promisedMiB > freeMiB - reserveMiB && promisedMiB > maxOvercommit * (freeMiB + this.#allocatedMiB() - reserveMiB))
      throw noCapacity("the host's disk is promised to as many /tmp as it may be");
    this.#promisedMiB = promisedMiB;
    let taken = true;
    return {
      [Symbol.dispose]: () => {
        if (taken) this.#promisedMiB -= sizeMiB;
        taken = false;
      },
    };
  }

  get preallocate(): boolean {
    return this.#options.maxOvercommit <= 1;
  }

  get reserveMiB(): number {
    return this.#options.reserveMiB;
  }

  freeMiB(): number {
    const { bavail, bsize } = statfsSync(this.#options.directory);
    return (bavail * bsize) / mebibyte;
  }

  numbers(): DiskNumbers {
    const { reserveMiB } = this.#options;
    const [freeMiB, allocatedMiB] = [this.freeMiB(), this.#allocatedMiB()];
    const grantableMiB = Math.max(1, freeMiB + allocatedMiB - reserveMiB);
    return {
      freeMiB: Math.floor(freeMiB),
      reserveMiB,
      promisedMiB: this.#promisedMiB,
      allocatedMiB: Math.ceil(allocatedMiB),
      diskOvercommit: Math.round((this.#promisedMiB / grantableMiB) * 100) / 100,
    };
  }

  #allocatedMiB(): number {
    const { directory } = this.#options;
    return readdirSync(directory).reduce((sum, name) => sum + allocatedMiB(join(directory, name)), 0);
  }
}

/** What a file holds of its disk, which for a sparse one is less than its size; nothing when it is gone. */
export function allocatedMiB(path: string): number {
  const { blocks = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
  // stat(2): st_blocks counts 512 bytes, whatever the file system's blocks are.
  return (blocks * 512) / mebibyte;
}

function noCapacity(message: string): CloisterError {
  return new CloisterError('NoCapacity', message, { operation: 'open slot' });
}
