import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { FunctionKey } from '../control-api/function-store.ts';
import type { FunctionPolicyKey, LayerVersionKey, PolicyEdit, PolicyStore } from '../control-api/policy-store.ts';
import type { PolicyStatement, ResourcePolicy } from '../functions/resource-policy.ts';
import type { DatabaseSchema } from './database-schema.ts';

const maxCachedPolicies = 10_000;

interface PolicyRow {
  readonly revision_id: string;
  /** JSON of an array of statements. */
  readonly statements: string;
}

/** Resource policies in the metadata database; those of functions are also kept in memory, for the calls of other accounts. */
export class SqlitePolicyStore implements PolicyStore {
  readonly #database: Kysely<DatabaseSchema>;
  readonly #cache = new Map<string, ResourcePolicy>();
  /** Counts changes: a policy read before one must not enter the cache after it. */
  #changes = 0;

  constructor(database: Kysely<DatabaseSchema>) {
    this.#database = database;
  }

  async findForFunction(key: FunctionPolicyKey): Promise<ResourcePolicy | undefined> {
    const name = `${key.accountId}:${key.functionName}:${key.qualifier ?? ''}`;
    const known = this.#cache.get(name);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const found = toPolicy(await selectForFunction(this.#database, key));
    if (found === undefined || this.#changes !== changes) return found;
    if (this.#cache.size >= maxCachedPolicies) this.#cache.clear();
    this.#cache.set(name, found);
    return found;
  }

  async changeForFunction(key: FunctionPolicyKey, edit: PolicyEdit): Promise<ResourcePolicy | undefined> {
    const { accountId, functionName, qualifier = '' } = key;
    const place = { account_id: accountId, function_name: functionName, qualifier };
    try {
      return await this.#database.transaction().execute(async (transaction) => {
        const changed = edited(toPolicy(await selectForFunction(transaction, key)), edit);
        await deletePolicy(transaction, { accountId, functionName, qualifier });
        if (changed !== undefined)
          await transaction
            .insertInto('function_policies')
            .values({ ...place, ...toRow(changed) })
            .execute();
        return changed;
      });
    } finally {
      this.forget(key);
    }
  }

  async findForLayer(key: LayerVersionKey): Promise<ResourcePolicy | undefined> {
    return toPolicy(await selectForLayer(this.#database, key));
  }

  async changeForLayer(key: LayerVersionKey, edit: PolicyEdit): Promise<ResourcePolicy | undefined> {
    const { accountId, layerName, version } = key;
    const place = { account_id: accountId, layer_name: layerName, version };
    return this.#database.transaction().execute(async (transaction) => {
      const changed = edited(toPolicy(await selectForLayer(transaction, key)), edit);
      await transaction
        .deleteFrom('layer_policies')
        .where('account_id', '=', accountId)
        .where('layer_name', '=', layerName)
        .where('version', '=', version)
        .execute();
      if (changed !== undefined)
        await transaction
          .insertInto('layer_policies')
          .values({ ...place, ...toRow(changed) })
          .execute();
      return changed;
    });
  }

  /** SECURITY: told whenever a function, a version or an alias changes or goes: another of the same name must not inherit what was allowed. */
  forget({ accountId, functionName }: FunctionKey): void {
    this.#changes += 1;
    const prefix = `${accountId}:${functionName}:`;
    for (const name of this.#cache.keys()) if (name.startsWith(prefix)) this.#cache.delete(name);
  }
}

/** Part of the transaction that removes a version or an alias. */
export async function deletePolicy(transaction: Transaction<DatabaseSchema>, key: FunctionKey & { readonly qualifier: string }): Promise<void> {
  await transaction
    .deleteFrom('function_policies')
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where('qualifier', '=', key.qualifier)
    .execute();
}

function edited(current: ResourcePolicy | undefined, edit: PolicyEdit): ResourcePolicy | undefined {
  const statements = edit(current);
  return statements.length === 0 ? undefined : { revisionId: randomUUID(), statements };
}

function selectForFunction(database: Kysely<DatabaseSchema>, key: FunctionPolicyKey): Promise<PolicyRow | undefined> {
  return database
    .selectFrom('function_policies')
    .select(['revision_id', 'statements'])
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where('qualifier', '=', key.qualifier ?? '')
    .executeTakeFirst();
}

function selectForLayer(database: Kysely<DatabaseSchema>, key: LayerVersionKey): Promise<PolicyRow | undefined> {
  return database
    .selectFrom('layer_policies')
    .select(['revision_id', 'statements'])
    .where('account_id', '=', key.accountId)
    .where('layer_name', '=', key.layerName)
    .where('version', '=', key.version)
    .executeTakeFirst();
}

function toPolicy(row: PolicyRow | undefined): ResourcePolicy | undefined {
  return row === undefined ? undefined : { revisionId: row.revision_id, statements: JSON.parse(row.statements) as readonly PolicyStatement[] };
}

function toRow({ revisionId, statements }: ResourcePolicy): PolicyRow {
  return { revision_id: revisionId, statements: JSON.stringify(statements) };
}
