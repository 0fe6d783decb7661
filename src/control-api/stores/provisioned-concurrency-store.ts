import type { FunctionKey } from './function-store.ts';

/** What was asked to be kept ready of one published version or alias. */
export interface ProvisionedConcurrency {
  /** A version's number or an alias. */
  readonly qualifier: string;
  readonly executions: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly lastModified: string;
}

/** Provisioned concurrency of versions and aliases; it goes with them. */
export interface ProvisionedConcurrencyStore {
  find(key: FunctionKey, qualifier: string): Promise<ProvisionedConcurrency | undefined>;
  put(key: FunctionKey, config: ProvisionedConcurrency): Promise<void>;
  remove(key: FunctionKey, qualifier: string): Promise<void>;
  /** By qualifier, beginning after `after`. */
  list(key: FunctionKey, options: { after: string | undefined; limit: number }): Promise<readonly ProvisionedConcurrency[]>;
  /** Those that have any. */
  functions(): Promise<readonly FunctionKey[]>;
  /** The sum over a function's versions and aliases, but for `exceptQualifier`. */
  total(key: FunctionKey, exceptQualifier?: string): Promise<number>;
}
