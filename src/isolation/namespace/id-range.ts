import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../../errors.ts';
import type { IdRange } from '../../linux/user-and-time-namespace.ts';

// Above every range that useradd or systemd hands out (they end below 2^30), below 2^31, which some tools take for negative.
const firstHostId = 0x4000_0000;
const idsPerRange = 65_536;
const rangeCount = 16_384;

/** Ranges of 65,536 host ids, one per living slot of the whole host: a file per range, made exclusively, says which instance holds it. */
export class IdRanges {
  readonly #directory: string;
  readonly #instance: string;

  constructor(directory: string, instance: string) {
    this.#directory = directory;
    this.#instance = instance;
    mkdirSync(directory, { recursive: true, mode: 0o755 });
  }

  take(): IdRange & { readonly index: number } {
    const taken = new Set(readdirSync(this.#directory));
    for (let index = 0; index < rangeCount; index += 1) {
      if (taken.has(String(index)) || !this.#claim(index)) continue;
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
    const held = readdirSync(this.#directory).filter((name) => readFileSync(join(this.#directory, name), 'utf8') === this.#instance);
    for (const name of held) unlinkSync(join(this.#directory, name));
    return held.length;
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
