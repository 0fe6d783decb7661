import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../../errors.ts';
import { idsInUse } from '../../linux/ids-in-use.ts';
import type { IdRange } from '../../linux/user-and-time-namespace.ts';

// Above every range that useradd or systemd hands out (they end below 2^30), below 2^31, which some tools take for negative.
const firstHostId = 0x4000_0000;
const idsPerRange = 65_536;
const rangeCount = 16_384;

/** Where the last range that was given out is noted, for all instances of the host. */
const cursorFile = 'last';

/**
 * Ranges of 65,536 host ids, one per living slot of the whole host: a file per range, made exclusively, says which instance holds it.
 * SECURITY: a range that was given back is given out again after all 16,383 others, and never while a process or a key has one of its ids.
 */
export class IdRanges {
  readonly #directory: string;
  readonly #instance: string;
  readonly #idsInUse: () => ReadonlySet<number>;

  constructor(directory: string, instance: string, inUse = idsInUse) {
    this.#directory = directory;
    this.#instance = instance;
    this.#idsInUse = inUse;
    mkdirSync(directory, { recursive: true, mode: 0o755 });
  }

  take(): IdRange & { readonly index: number } {
    const taken = new Set(readdirSync(this.#directory));
    const occupied = new Set([...this.#idsInUse()].map((id) => Math.floor((id - firstHostId) / idsPerRange)));
    const first = this.#afterLast();
    for (let step = 0; step < rangeCount; step += 1) {
      const index = (first + step) % rangeCount;
      if (taken.has(String(index)) || occupied.has(index) || !this.#claim(index)) continue;
      writeFileSync(join(this.#directory, cursorFile), String(index));
      return { index, firstId: firstHostId + index * idsPerRange, count: idsPerRange };
    }
    throw new CloisterError('NoCapacity', 'every id range of the host is taken', { operation: 'take id range' });
  }

  /** ORDER: only when no process and no file with these ids is left. */
  release(index: number): void {
    unlinkSync(join(this.#directory, String(index)));
  }

  /** Gives back what an ended process of this instance held; answers how many. */
  releaseAll(): number {
    const held = readdirSync(this.#directory).filter(
      (name) => name !== cursorFile && readFileSync(join(this.#directory, name), 'utf8') === this.#instance,
    );
    for (const name of held) unlinkSync(join(this.#directory, name));
    return held.length;
  }

  /** A note that cannot be read, or that two instances wrote at once, changes the order alone. */
  #afterLast(): number {
    try {
      const last = Number(readFileSync(join(this.#directory, cursorFile), 'utf8'));
      return Number.isSafeInteger(last) && last >= 0 ? (last + 1) % rangeCount : 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }

  #claim(index: number): boolean {
    try {
      const fd = openSync(join(this.#directory, String(index)), 'wx', 0o644);
      writeSync(fd, this.#instance);
      closeSync(fd);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }
}
