import type { FunctionAlias } from '../functions/function-alias.ts';
import type { ProvisionedStatus, ProvisionedTarget, Provisioning } from '../invoke/provisioner.ts';
import { isAliasName } from './resolve-qualifier.ts';
import type { AliasStore } from './stores/alias-store.ts';
import type { FunctionKey, FunctionStore } from './stores/function-store.ts';
import type { ProvisionedConcurrency, ProvisionedConcurrencyStore } from './stores/provisioned-concurrency-store.ts';

export interface ProvisionedTargetsOptions {
  readonly functions: FunctionStore;
  readonly aliases: AliasStore;
  readonly provisioned: ProvisionedConcurrencyStore;
  readonly provisioning: Provisioning;
}

/** Tells what makes environments ahead what is stored of it, whenever that may have changed. */
export class ProvisionedTargets {
  readonly #options: ProvisionedTargetsOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: ProvisionedTargetsOptions) {
    this.#options = options;
  }

  /** After a change of the function, its versions, its aliases or what is provisioned of them. */
  refresh(key: FunctionKey): Promise<void> {
    // One after the other: what was read first must not be told last.
    const refreshed = this.#last.then(() => this.#refresh(key));
    this.#last = refreshed.catch(() => {});
    return refreshed;
  }

  /** After a start nothing is ready. */
  async refreshAll(): Promise<void> {
    for (const key of await this.#options.provisioned.functions()) await this.refresh(key);
  }

  status(key: FunctionKey, qualifier: string): ProvisionedStatus {
    return this.#options.provisioning.status(key, qualifier);
  }

  async #refresh(key: FunctionKey): Promise<void> {
    const configs = await this.#options.provisioned.list(key, { after: undefined, limit: 10_000 });
    const targets: ProvisionedTarget[] = [];
    for (const config of configs) targets.push({ qualifier: config.qualifier, parts: await this.#parts(key, config) });
    this.#options.provisioning.set(key, targets);
  }

  async #parts(key: FunctionKey, { qualifier, executions }: ProvisionedConcurrency): Promise<ProvisionedTarget['parts']> {
    const { functions, aliases } = this.#options;
    const alias = isAliasName(qualifier) ? await aliases.find({ ...key, aliasName: qualifier }) : undefined;
    const parts: ProvisionedTarget['parts'][number][] = [];
    for (const [version, share] of alias === undefined ? [[qualifier, executions] as const] : sharesOf(alias, executions)) {
      const fn = share === 0 ? undefined : await functions.findForInvoke(key, version);
      if (fn !== undefined) parts.push({ function: fn, executions: share });
    }
    return parts;
  }
}

/** As an alias shares its invocations between two versions. */
function sharesOf({ functionVersion, additionalVersion }: FunctionAlias, executions: number): readonly (readonly [string, number])[] {
  if (additionalVersion === undefined) return [[functionVersion, executions]];
  const additional = Math.round(executions * additionalVersion.weight);
  return [
    [functionVersion, executions - additional],
    [additionalVersion.version, additional],
  ];
}
