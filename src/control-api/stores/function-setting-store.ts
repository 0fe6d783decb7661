import type { FunctionKey } from './function-store.ts';

/** What happens to a function that is found to invoke itself in a loop. */
export type RecursiveLoop = 'Allow' | 'Terminate';

export interface ConcurrencyBounds {
  /** Of an account. */
  readonly max: number;
  /** What no reservation may take. */
  readonly minUnreserved: number;
}

/** Settings of a function beside its versions; they go with it. */
export interface FunctionSettingStore {
  reservedConcurrency(key: FunctionKey): Promise<number | undefined>;
  /** The sum over an account's functions; from memory when it was asked for before: each invocation does. */
  totalReservedConcurrency(accountId: string): Promise<number>;
  /** Reserves in one transaction with its check; false, and nothing changed, when the account has not that much to give. */
  reserveConcurrency(key: FunctionKey, executions: number, bounds: ConcurrencyBounds): Promise<boolean>;
  releaseConcurrency(key: FunctionKey): Promise<void>;
  /** @default Terminate */
  recursiveLoop(key: FunctionKey): Promise<RecursiveLoop>;
  setRecursiveLoop(key: FunctionKey, loop: RecursiveLoop): Promise<void>;
}
