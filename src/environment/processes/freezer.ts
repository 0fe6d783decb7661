import { closeSync, writeSync } from 'node:fs';
import type { FreezerWords } from '../../agent/messages.ts';
import type { Clock, ScheduledTask } from '../clock.ts';

/**
 * So long at least nothing comes for an environment before it is frozen, so that invocations which follow one another closely never pay for a thaw. Timers
 * of Node's take whole milliseconds, rounded up: it is about two.
 */
const quietMs = 1;

export interface FreezerOptions {
  /** Opened for writing by the host agent: the environment's freezer (v1 `freezer.state`, v2 `cgroup.freeze`); owned from here on. */
  readonly descriptor: number;
  readonly words: FreezerWords;
  readonly clock: Clock;
  /** Called when the environment has just been frozen. */
  readonly onFrozen: () => void;
  readonly onThawed: () => void;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** Stops every process of one environment while it has nothing to do. One write each way and no word to the host agent, which may be busy. */
export class Freezer {
  readonly #options: FreezerOptions;
  #due: ScheduledTask | undefined;
  #isFrozen = false;
  #isClosed = false;

  constructor(options: FreezerOptions) {
    this.#options = options;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Nothing is to run any more: freezes in a moment, unless `release` comes first. */
  settle(): void {
    if (this.#isFrozen || this.#isClosed) return;
    this.#due ??= this.#options.clock.schedule(quietMs, () => this.#freeze());
  }

  /** Something is to run. Throws what the kernel refused a thaw with. */
  release(): void {
    this.hold();
    if (!this.#isFrozen || this.#isClosed) return;
    this.#write(this.#options.words.thawed);
    this.#isFrozen = false;
    this.#options.onThawed();
  }

  /** Nothing of a freezer's is to happen any more until `settle`. */
  hold(): void {
    this.#due?.cancel();
    this.#due = undefined;
  }

  /** What the host agent could not take apart is let run: a PID 1 whose agent has gone then ends its environment. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.hold();
    try {
      if (this.#isFrozen) this.#write(this.#options.words.thawed);
    } catch {
      // It is gone: the kernel answers ENODEV.
    } finally {
      closeSync(this.#options.descriptor);
    }
  }

  #freeze(): void {
    this.#due = undefined;
    try {
      this.#write(this.#options.words.frozen);
    } catch (error) {
      this.#options.onProblem('an environment could not be frozen', error);
      return;
    }
    this.#isFrozen = true;
    this.#options.onFrozen();
  }

  #write(word: string): void {
    writeSync(this.#options.descriptor, word);
  }
}
