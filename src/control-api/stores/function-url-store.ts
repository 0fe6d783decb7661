import type { FunctionUrl } from '../../functions/function-url.ts';
import type { FunctionKey } from './function-store.ts';
import type { FunctionPolicyKey } from './policy-store.ts';

/** URLs of functions and of their aliases; they end with what they lead to. */
export interface FunctionUrlStore {
  /** False when the function or alias has one already. Rejects with `NotFound` when the function is gone. */
  create(url: FunctionUrl): Promise<boolean>;
  find(key: FunctionPolicyKey): Promise<FunctionUrl | undefined>;
  /** From memory when it was asked for before: each request of a URL does. */
  findById(urlId: string): Promise<FunctionUrl | undefined>;
  /** By qualifier, the function's own first, beginning after `after`. */
  list(key: FunctionKey, options: { after?: string | undefined; limit: number }): Promise<readonly FunctionUrl[]>;
  /** Replaces the URL of that id; false when it is gone. */
  update(url: FunctionUrl): Promise<boolean>;
  remove(key: FunctionPolicyKey): Promise<boolean>;
}
