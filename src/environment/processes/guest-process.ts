import type { FailureCause } from '../invocation-failure.ts';

/** How a process of an environment ended. */
export type ProcessExit = Extract<FailureCause, { readonly kind: 'exit' }>;

/** One process that the host agent starts in an environment: the runtime, or an external extension by its name. */
export class GuestProcess {
  /** Undefined: the runtime. */
  readonly extension: string | undefined;
  /** Resolves once it lives no more. */
  readonly ended: Promise<void>;
  readonly #end: () => void;
  #id: number | undefined;
  #hasEnded = false;

  constructor(extension?: string) {
    this.extension = extension;
    const ended = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.#end = ended.resolve;
  }

  /** The host agent's; undefined until it has been started. */
  get id(): number | undefined {
    return this.#id;
  }

  get isAlive(): boolean {
    return this.#id !== undefined && !this.#hasEnded;
  }

  started(id: number): void {
    this.#id = id;
  }

  end(): void {
    this.#hasEnded = true;
    this.#end();
  }
}
