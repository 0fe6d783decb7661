import type { CodeSigningConfig } from '../../functions/code-signing-config.ts';
import type { FunctionKey } from './function-store.ts';

/** Code signing configurations of accounts, and which functions have which. */
export interface CodeSigningStore {
  create(config: CodeSigningConfig, tags: Readonly<Record<string, string>>): Promise<void>;
  find(accountId: string, id: string): Promise<CodeSigningConfig | undefined>;
  /** False when it is gone. */
  replace(config: CodeSigningConfig): Promise<boolean>;
  /** Removes one that no function has. */
  remove(accountId: string, id: string): Promise<'removed' | 'inUse' | 'none'>;
  /** By id, beginning after `after`. */
  list(accountId: string, options: { after: string | undefined; limit: number }): Promise<readonly CodeSigningConfig[]>;
  /** Names of the functions that have it, beginning after `after`. */
  listFunctions(accountId: string, id: string, options: { after: string | undefined; limit: number }): Promise<readonly string[]>;
  configIdOf(key: FunctionKey): Promise<string | undefined>;
  /** Gives an existing function a configuration, or takes it away. */
  assign(key: FunctionKey, id: string | undefined): Promise<void>;
}
