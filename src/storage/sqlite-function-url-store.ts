import type { Kysely, Selectable, Transaction } from 'kysely';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import type { FunctionUrlStore } from '../control-api/stores/function-url-store.ts';
import type { FunctionPolicyKey } from '../control-api/stores/policy-store.ts';
import type { FunctionUrl, FunctionUrlCors } from '../functions/function-url.ts';
import type { DatabaseSchema } from './database-schema.ts';
import type { FunctionCache } from './function-cache.ts';

type UrlRow = Selectable<DatabaseSchema['function_urls']>;

/** Function URLs in the metadata database, those that were asked for in memory. */
export class SqliteFunctionUrlStore implements FunctionUrlStore {
  readonly #database: Kysely<DatabaseSchema>;
  readonly #cache: FunctionCache;

  constructor(database: Kysely<DatabaseSchema>, cache: FunctionCache) {
    this.#database = database;
    this.#cache = cache;
  }

  async create(url: FunctionUrl): Promise<boolean> {
    const inserted = await this.#database
      .insertInto('function_urls')
      .values(toRow(url))
      .onConflict((conflict) => conflict.columns(['account_id', 'function_name', 'qualifier']).doNothing())
      .executeTakeFirst();
    return inserted.numInsertedOrUpdatedRows !== 0n;
  }

  async find(key: FunctionPolicyKey): Promise<FunctionUrl | undefined> {
    const row = await this.#ofFunction(key)
      .where('qualifier', '=', key.qualifier ?? '')
      .executeTakeFirst();
    return row === undefined ? undefined : toUrl(row);
  }

  findById(urlId: string): Promise<FunctionUrl | undefined> {
    return this.#cache.url(urlId, async () => {
      const row = await this.#database.selectFrom('function_urls').selectAll().where('url_id', '=', urlId).executeTakeFirst();
      return row === undefined ? undefined : toUrl(row);
    });
  }

  async list(key: FunctionKey, options: { after?: string | undefined; limit: number }): Promise<readonly FunctionUrl[]> {
    let query = this.#ofFunction(key);
    if (options.after !== undefined) query = query.where('qualifier', '>', options.after);
    const rows = await query.orderBy('qualifier').limit(options.limit).execute();
    return rows.map(toUrl);
  }

  async update(url: FunctionUrl): Promise<boolean> {
    const { url_id, ...changed } = toRow(url);
    const updated = await this.#database.updateTable('function_urls').set(changed).where('url_id', '=', url_id).executeTakeFirst();
    this.#cache.forget(url);
    return updated.numUpdatedRows > 0n;
  }

  async remove(key: FunctionPolicyKey): Promise<boolean> {
    const removed = await this.#database.transaction().execute((transaction) => deleteFunctionUrl(transaction, key));
    this.#cache.forget(key);
    return removed;
  }

  #ofFunction(key: FunctionKey) {
    return this.#database
      .selectFrom('function_urls')
      .selectAll()
      .where('account_id', '=', key.accountId)
      .where('function_name', '=', key.functionName);
  }
}

/** Part of the transaction that removes an alias. */
export async function deleteFunctionUrl(transaction: Transaction<DatabaseSchema>, key: FunctionPolicyKey): Promise<boolean> {
  const removed = await transaction
    .deleteFrom('function_urls')
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where('qualifier', '=', key.qualifier ?? '')
    .executeTakeFirst();
  return removed.numDeletedRows > 0n;
}

function toRow(url: FunctionUrl): UrlRow {
  return {
    url_id: url.urlId,
    account_id: url.accountId,
    function_name: url.functionName,
    qualifier: url.qualifier ?? '',
    auth_type: url.authType,
    invoke_mode: url.invokeMode ?? null,
    cors: url.cors === undefined ? null : JSON.stringify(url.cors),
    created_at: url.createdAt,
    modified_at: url.modifiedAt,
  };
}

function toUrl(row: UrlRow): FunctionUrl {
  return {
    urlId: row.url_id,
    accountId: row.account_id,
    functionName: row.function_name,
    qualifier: row.qualifier === '' ? undefined : row.qualifier,
    authType: row.auth_type,
    ...(row.invoke_mode === null ? {} : { invokeMode: row.invoke_mode }),
    ...(row.cors === null ? {} : { cors: JSON.parse(row.cors) as FunctionUrlCors }),
    createdAt: row.created_at,
    modifiedAt: row.modified_at,
  };
}
