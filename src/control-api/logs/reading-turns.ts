import { LogsError } from './logs-error.ts';

/** How many requests of one account read events at the same time. AWS, too, lets accounts read only so often. */
const maxReadings = 8;

/** Counts the readings of each account. SECURITY: a reading takes time that other accounts' invocations need. */
export class ReadingTurns {
  readonly #running = new Map<string, number>();

  /** Throws ThrottlingException, after which clients try again. */
  async run<T>(accountId: string, reading: () => Promise<T>): Promise<T> {
    const running = this.#running.get(accountId) ?? 0;
    if (running >= maxReadings) throw new LogsError('ThrottlingException', 'Rate exceeded');
    this.#running.set(accountId, running + 1);
    try {
      return await reading();
    } finally {
      const left = (this.#running.get(accountId) ?? 1) - 1;
      if (left > 0) this.#running.set(accountId, left);
      else this.#running.delete(accountId);
    }
  }
}
