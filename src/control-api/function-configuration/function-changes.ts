import { CloisterError } from '../../errors.ts';
import { formatFunctionArn } from '../../functions/arn.ts';
import { ApiError } from '../api-error.ts';
import type { FunctionKey } from '../stores/function-store.ts';

/** A client is answered after so long, and the work goes on. */
const defaultAnswerAfterMs = 5_000;

export interface ChangeWork<T> {
  /** Stores that the work goes on, and answers what the client is told; called at most once, when the work takes long. */
  readonly mark: () => Promise<T>;
  /** Does it. `marked` is asked once, when its outcome is about to be stored: what was marked, if it was; afterwards nothing is marked any more. */
  readonly run: (marked: () => Promise<T | undefined>) => Promise<T>;
  /** Stores that work which was marked failed. */
  readonly fail: (marked: T, error: unknown) => Promise<void>;
}

/**
 * One change of a function's `$LATEST` at a time, as in Lambda: its clients are told of a second one that it has to wait.
 * A change that takes long is answered before it is done.
 */
export class FunctionChanges {
  readonly #region: string;
  readonly #answerAfterMs: number;
  readonly #logError: (error: unknown) => void;
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(options: { readonly region: string; readonly answerAfterMs?: number | undefined; readonly logError: (error: unknown) => void }) {
    this.#region = options.region;
    this.#answerAfterMs = options.answerAfterMs ?? defaultAnswerAfterMs;
    this.#logError = options.logError;
  }

  isRunning(key: FunctionKey): boolean {
    return this.#running.has(nameOf(key));
  }

  /** Throws Lambda's ResourceConflictException while a change of the function is under way. */
  expectNone(key: FunctionKey): void {
    if (!this.isRunning(key)) return;
    const arn = formatFunctionArn({ region: this.#region, ...key });
    throw new ApiError('ResourceConflictException', `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`);
  }

  /** Does a change that is short. Throws as `expectNone` does. */
  async perform<T>(key: FunctionKey, run: () => Promise<T>): Promise<T> {
    this.expectNone(key);
    return this.#hold(key, run);
  }

  /** Does a change that may take long: answers its outcome, or what was marked. Throws as `expectNone` does, and what the work throws before that. */
  async performLong<T>(key: FunctionKey, work: ChangeWork<T>): Promise<T> {
    this.expectNone(key);
    let marked: Promise<T> | undefined;
    const early = Promise.withResolvers<T>();
    const timer = setTimeout(() => {
      marked = work.mark();
      marked.then(early.resolve, early.reject);
    }, this.#answerAfterMs);
    const whatWasMarked = async () => {
      clearTimeout(timer);
      return marked;
    };
    const done = this.#hold(key, async () => {
      try {
        return await work.run(whatWasMarked);
      } catch (error) {
        const known = marked === undefined ? undefined : await marked.catch(() => undefined);
        if (known !== undefined) await this.#failLate(() => work.fail(known, error), error);
        throw error;
      } finally {
        clearTimeout(timer);
      }
    });
    // Once the client has its answer nobody else waits for the outcome.
    done.catch(() => undefined);
    early.promise.catch(() => undefined);
    return Promise.race([done, early.promise]);
  }

  /** Waits for the changes under way, so that what they write comes before the storage's end. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }

  /** Nobody waits for an answer that could tell it. A function that was deleted meanwhile needs nothing told. */
  async #failLate(fail: () => Promise<void>, why: unknown): Promise<void> {
    try {
      await fail();
      if (!(why instanceof CloisterError && why.code.startsWith('Archive'))) this.#logError(why);
    } catch (error) {
      if (!(error instanceof CloisterError && ['NotFound', 'Conflict'].includes(error.code))) this.#logError(error);
    }
  }

  #hold<T>(key: FunctionKey, run: () => Promise<T>): Promise<T> {
    const name = nameOf(key);
    const running = run().finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    return running;
  }
}

function nameOf({ accountId, functionName }: FunctionKey): string {
  return `${accountId}:${functionName}`;
}
