import type { Kysely, Selectable, Transaction } from 'kysely';
import type { AliasChange, AliasKey, AliasStore } from '../control-api/stores/alias-store.ts';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import type { FunctionAlias } from '../functions/function-alias.ts';
import type { DatabaseSchema } from './database-schema.ts';
import type { FunctionCache } from './function-cache.ts';
import { removeEventInvokeConfig } from './sqlite-event-invoke-config-store.ts';
import { deleteFunctionUrl } from './sqlite-function-url-store.ts';
import { deletePolicy } from './sqlite-policy-store.ts';
import { toSequence, toVersion } from './version-sequence.ts';

type AliasRow = Selectable<DatabaseSchema['function_aliases']>;

/** Aliases in the metadata database. */
export class SqliteAliasStore implements AliasStore {
  readonly #database: Kysely<DatabaseSchema>;
  readonly #cache: FunctionCache;
  readonly #onChange: (key: FunctionKey) => void;

  constructor(database: Kysely<DatabaseSchema>, options: { cache: FunctionCache; onChange: (key: FunctionKey) => void }) {
    this.#database = database;
    this.#cache = options.cache;
    this.#onChange = options.onChange;
  }

  create(alias: FunctionAlias): Promise<AliasChange> {
    return this.#change(alias, async (transaction) => {
      const missing = await findMissingVersion(transaction, alias);
      if (missing !== undefined) return { refused: 'noVersion', version: missing };
      const inserted = await transaction
        .insertInto('function_aliases')
        .values(toRow(alias))
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return inserted.numInsertedOrUpdatedRows === 0n ? { refused: 'exists' } : { alias };
    });
  }

  async find(key: AliasKey): Promise<FunctionAlias | undefined> {
    return selectAlias(this.#database, key);
  }

  findForInvoke(key: AliasKey): Promise<FunctionAlias | undefined> {
    return this.#cache.alias(key, key.aliasName, () => this.find(key));
  }

  async list(
    key: FunctionKey,
    options: { functionVersion?: string | undefined; after?: string | undefined; limit: number },
  ): Promise<readonly FunctionAlias[]> {
    const { functionVersion, after, limit } = options;
    let query = this.#database
      .selectFrom('function_aliases')
      .selectAll()
      .where('account_id', '=', key.accountId)
      .where('function_name', '=', key.functionName);
    if (functionVersion !== undefined) query = query.where('sequence', '=', toSequence(functionVersion));
    if (after !== undefined) query = query.where('alias_name', '>', after);
    const rows = await query.orderBy('alias_name').limit(limit).execute();
    return rows.map(toAlias);
  }

  update(key: AliasKey, change: (current: FunctionAlias) => FunctionAlias): Promise<AliasChange> {
    return this.#change(key, async (transaction) => {
      const current = await selectAlias(transaction, key);
      if (current === undefined) return { refused: 'noAlias' };
      const alias = change(current);
      const missing = await findMissingVersion(transaction, alias);
      if (missing !== undefined) return { refused: 'noVersion', version: missing };
      await transaction
        .updateTable('function_aliases')
        .set(toRow(alias))
        .where('account_id', '=', key.accountId)
        .where('function_name', '=', key.functionName)
        .where('alias_name', '=', key.aliasName)
        .execute();
      return { alias };
    });
  }

  remove(key: AliasKey): Promise<boolean> {
    return this.#change(key, async (transaction) => {
      const removed = await transaction
        .deleteFrom('function_aliases')
        .where('account_id', '=', key.accountId)
        .where('function_name', '=', key.functionName)
        .where('alias_name', '=', key.aliasName)
        .executeTakeFirst();
      // SECURITY: another alias of this name must not inherit what was allowed to this one.
      await deletePolicy(transaction, { ...key, qualifier: key.aliasName });
      await removeEventInvokeConfig(transaction, { ...key, qualifier: key.aliasName });
      await deleteFunctionUrl(transaction, { ...key, qualifier: key.aliasName });
      return removed.numDeletedRows > 0n;
    });
  }

  async #change<T>(key: FunctionKey, work: (transaction: Transaction<DatabaseSchema>) => Promise<T>): Promise<T> {
    try {
      return await this.#database.transaction().execute(work);
    } finally {
      this.#onChange(key);
    }
  }
}

/** Names of the aliases that send invocations to a version. */
export async function aliasesOfVersion(database: Kysely<DatabaseSchema>, key: FunctionKey, sequence: number): Promise<readonly string[]> {
  const rows = await database
    .selectFrom('function_aliases')
    .select('alias_name')
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where(({ eb, or }) => or([eb('sequence', '=', sequence), eb('additional_sequence', '=', sequence)]))
    .orderBy('alias_name')
    .execute();
  return rows.map((row) => row.alias_name);
}

async function selectAlias(database: Kysely<DatabaseSchema>, key: AliasKey): Promise<FunctionAlias | undefined> {
  const row = await database
    .selectFrom('function_aliases')
    .selectAll()
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where('alias_name', '=', key.aliasName)
    .executeTakeFirst();
  return row === undefined ? undefined : toAlias(row);
}

/** The first version an alias names that the function has not. */
async function findMissingVersion(transaction: Transaction<DatabaseSchema>, alias: FunctionAlias): Promise<string | undefined> {
  for (const version of [alias.functionVersion, alias.additionalVersion?.version]) {
    if (version === undefined) continue;
    const found = await transaction
      .selectFrom('function_versions')
      .select('sequence')
      .where('account_id', '=', alias.accountId)
      .where('function_name', '=', alias.functionName)
      .where('sequence', '=', toSequence(version))
      .executeTakeFirst();
    if (found === undefined) return version;
  }
  return undefined;
}

function toRow(alias: FunctionAlias): AliasRow {
  return {
    account_id: alias.accountId,
    function_name: alias.functionName,
    alias_name: alias.aliasName,
    sequence: toSequence(alias.functionVersion),
    additional_sequence: alias.additionalVersion === undefined ? null : toSequence(alias.additionalVersion.version),
    additional_weight: alias.additionalVersion?.weight ?? null,
    description: alias.description,
    revision_id: alias.revisionId,
  };
}

function toAlias(row: AliasRow): FunctionAlias {
  const { additional_sequence: sequence, additional_weight: weight } = row;
  return {
    accountId: row.account_id,
    functionName: row.function_name,
    aliasName: row.alias_name,
    functionVersion: toVersion(row.sequence),
    description: row.description,
    revisionId: row.revision_id,
    ...(sequence === null || weight === null ? {} : { additionalVersion: { version: toVersion(sequence), weight } }),
  };
}
