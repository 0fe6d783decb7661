import type { FunctionAlias } from '../../functions/function-alias.ts';
import type { FunctionKey } from './function-store.ts';

export interface AliasKey extends FunctionKey {
  readonly aliasName: string;
}

/** What became of a change of an alias; a refused one changed nothing. */
export type AliasChange =
  | { readonly alias: FunctionAlias }
  | { readonly refused: 'exists' | 'noAlias' }
  | { readonly refused: 'noVersion'; readonly version: string };

/** Aliases of functions. Every verb is one transaction. */
export interface AliasStore {
  /** Refused when a version it names is missing, or when the name is taken. */
  create(alias: FunctionAlias): Promise<AliasChange>;
  find(key: AliasKey): Promise<FunctionAlias | undefined>;
  /** From memory when it was asked for before: for the invoke path. */
  findForInvoke(key: AliasKey): Promise<FunctionAlias | undefined>;
  /** By name, beginning after `after`; with `functionVersion` those that point to it first of all. */
  list(
    key: FunctionKey,
    options: { functionVersion?: string | undefined; after?: string | undefined; limit: number },
  ): Promise<readonly FunctionAlias[]>;
  /** Replaces the alias of that name by what `change` makes of it; what `change` throws undoes it. */
  update(key: AliasKey, change: (current: FunctionAlias) => FunctionAlias): Promise<AliasChange>;
  /** With everything that is the alias's own. False when there is none. */
  remove(key: AliasKey): Promise<boolean>;
}
