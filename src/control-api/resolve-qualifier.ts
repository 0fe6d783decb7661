import { latestVersion } from '../functions/arn.ts';
import type { FunctionAlias } from '../functions/function-alias.ts';
import { chooseVersion } from '../functions/function-alias.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import type { AliasStore } from './stores/alias-store.ts';
import type { FunctionKey, FunctionStore } from './stores/function-store.ts';

/** A function and what a client named of it. */
interface Qualified {
  readonly key: FunctionKey;
  readonly qualifier: string | undefined;
}

/** What a qualifier stands for. */
export interface ResolvedQualifier {
  /** `$LATEST` or a number; of an alias the version it points to first of all. Whether the function has it is not looked at. */
  readonly version: string;
  /** Set when the qualifier is an alias. */
  readonly alias?: FunctionAlias;
}

/** True for what can name an alias: everything that is neither a number nor begins with `$`. */
export function isAliasName(qualifier: string): boolean {
  return /^(?!\d+$)[a-zA-Z0-9-_]+$/.test(qualifier);
}

/** Resolves a qualifier; none is `$LATEST`. Undefined when there is no such alias. */
export async function resolveQualifier(
  services: { readonly aliases: AliasStore },
  { key, qualifier = latestVersion }: Qualified,
): Promise<ResolvedQualifier | undefined> {
  if (!isAliasName(qualifier)) return { version: qualifier };
  const alias = await services.aliases.find({ ...key, aliasName: qualifier });
  return alias === undefined ? undefined : { version: alias.functionVersion, alias };
}

/** The version that serves one invocation: an alias with two versions chooses anew each time. From memory, once it was asked for. */
export async function resolveForInvoke(
  services: { readonly aliases: AliasStore; readonly functions: FunctionStore; readonly random: () => number },
  { key, qualifier = latestVersion }: Qualified,
): Promise<FunctionVersion | undefined> {
  if (!isAliasName(qualifier)) return services.functions.findForInvoke(key, qualifier);
  const alias = await services.aliases.findForInvoke({ ...key, aliasName: qualifier });
  return alias === undefined ? undefined : services.functions.findForInvoke(key, chooseVersion(alias, services.random));
}
