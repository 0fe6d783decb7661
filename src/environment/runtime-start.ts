import type { FailureCause } from './invocation-failure.ts';

/** One runtime process from its start on: how its init came out, and its end if the agent told of one. */
export class RuntimeStart {
  /** Undefined: the runtime asked for its first event. */
  readonly outcome: Promise<FailureCause | undefined>;
  readonly #settle: (outcome: FailureCause | undefined) => void;
  readonly #earlyExits = new Map<number, FailureCause>();
  #isSettled = false;
  #processId: number | undefined;
  #exit: FailureCause | undefined;

  constructor() {
    const outcome = Promise.withResolvers<FailureCause | undefined>();
    this.outcome = outcome.promise;
    this.#settle = outcome.resolve;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Set once the process has ended. */
  get exit(): FailureCause | undefined {
    return this.#exit;
  }

  settle(outcome: FailureCause | undefined): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settle(outcome);
  }

  started(processId: number): void {
    this.#processId = processId;
    const exit = this.#earlyExits.get(processId);
    if (exit !== undefined) this.#exited(exit);
  }

  /** Tells whether the process is this one. An exit may be told before `started` is called: it is then remembered. */
  exited(processId: number, cause: FailureCause): boolean {
    if (this.#processId === undefined) this.#earlyExits.set(processId, cause);
    if (this.#processId !== processId) return false;
    this.#exited(cause);
    return true;
  }

  #exited(cause: FailureCause): void {
    this.#exit = cause;
    this.settle(cause);
  }
}
