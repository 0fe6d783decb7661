import { CloisterError } from '../errors.ts';
import type { FunctionVersion } from '../functions/function-version.ts';

/** Counts what runs of functions with reserved concurrency, over all their versions. */
export class ReservedConcurrency {
  readonly #running = new Map<string, number>();

  /** Takes one of the function's; disposing of it gives it back. Throws `ConcurrencyReached` when all are taken. */
  enter({ accountId, functionName }: FunctionVersion, limit: number): Disposable {
    const name = `${accountId}:${functionName}`;
    const running = this.#running.get(name) ?? 0;
    if (running >= limit) throw new CloisterError('ConcurrencyReached', 'the function runs as often as it may', { operation: 'invoke' });
    this.#running.set(name, running + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#running.get(name) ?? 1) - 1;
        if (left === 0) this.#running.delete(name);
        else this.#running.set(name, left);
      },
    };
  }
}
