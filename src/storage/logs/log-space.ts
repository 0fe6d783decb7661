import type { LogGroup, LogLimits } from './log-group.ts';

type Groups = ReadonlyMap<string, LogGroup>;

export interface LogSpaceOptions {
  readonly limits: Pick<LogLimits, 'maxAccountBytes' | 'maxHostBytes'>;
  /** By account, then by any name. */
  readonly groups: ReadonlyMap<string, Groups>;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/**
 * Keeps accounts, and all of them together, within their limits. The largest gives: of an account its largest group loses its oldest file, and of the
 * host the largest account. Who stays below an equal share never loses anything to another's flood.
 */
export class LogSpace {
  readonly #options: LogSpaceOptions;
  #running: Promise<void> | undefined;
  #isAskedAgain = false;
  /** This much may be written before anything can be over a limit. */
  #slackBytes = 0;

  constructor(options: LogSpaceOptions) {
    this.#options = options;
  }

  /** Told of every growth: looks at all groups only when it could matter. */
  grown(bytes: number): void {
    this.#slackBytes -= bytes;
    if (this.#slackBytes < 0) this.enforce();
  }

  /** Sees to it, beside whatever goes on. ORDER: never within a group's queue, since it waits for those of others. */
  enforce(): void {
    this.#isAskedAgain = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when no removal is on its way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#isAskedAgain) {
        this.#isAskedAgain = false;
        while (await this.#removeOne());
      }
    } catch (error) {
      this.#options.onProblem('log files over the limit could not be removed', error);
    }
  }

  /** False when all is within the limits, or nothing is left to remove. */
  async #removeOne(): Promise<boolean> {
    const { groups, limits } = this.#options;
    const accounts = [...groups.values()].map((each) => ({ groups: each, bytes: bytesOf(each) }));
    const hostBytes = accounts.reduce((sum, { bytes }) => sum + bytes, 0);
    const over = accounts.find(({ bytes }) => bytes > limits.maxAccountBytes) ?? (hostBytes > limits.maxHostBytes ? largest(accounts) : undefined);
    if (over === undefined) {
      this.#slackBytes = accounts.reduce((least, { bytes }) => Math.min(least, limits.maxAccountBytes - bytes), limits.maxHostBytes - hostBytes);
      return false;
    }
    const group = largest([...over.groups.values()].map((each) => ({ group: each, bytes: each.countedBytes })))?.group;
    return group !== undefined && (await group.removeOldest());
  }
}

function bytesOf(groups: Groups): number {
  let bytes = 0;
  for (const group of groups.values()) bytes += group.countedBytes;
  return bytes;
}

function largest<T extends { readonly bytes: number }>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>((found, each) => (found === undefined || each.bytes > found.bytes ? each : found), undefined);
}
