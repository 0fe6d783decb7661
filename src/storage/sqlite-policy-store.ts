import { randomUUID } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import type { FunctionPolicyKey, LayerVersionKey, PolicyEdit, PolicyStore } from '../control-api/stores/policy-store.ts';
import type { PolicyStatement, ResourcePolicy } from '../functions/resource-policy.ts';
import type { DatabaseSchema } from './database-schema.ts';
import type { FunctionCache } from './function-cache.ts';

interface PolicyRow {
  readonly revision_id: string;
  /** JSON of an array of statements. */
  readonly statements: string;
}

/** Resource policies in the metadata database; those of functions are also kept in memory, for the calls of other accounts. */
export class SqlitePolicyStore implements PolicyStore {
  readonly #database: Kysely<DatabaseSchema>;
  readonly #cache: FunctionCache;

  constructor(database: Kysely<DatabaseSchema>, cache: FunctionCache) {
    this.#database = database;
    this.#cache = cache;
  }

  findForFunction(key: FunctionPolicyKey): Promise<ResourcePolicy | undefined> {
    return this.#cache.policy(key, key.qualifier ?? '', async () => toPolicy(await selectForFunction(this.#database, key)));
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
      this.#cache.forget(key);
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
