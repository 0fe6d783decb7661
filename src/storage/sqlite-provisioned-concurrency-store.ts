import type { Kysely, Selectable } from 'kysely';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import type { ProvisionedConcurrency, ProvisionedConcurrencyStore } from '../control-api/stores/provisioned-concurrency-store.ts';
import type { DatabaseSchema } from './database-schema.ts';

/** Provisioned concurrency in the metadata database; triggers remove it with its version or alias. */
export class SqliteProvisionedConcurrencyStore implements ProvisionedConcurrencyStore {
  readonly #database: Kysely<DatabaseSchema>;

  constructor(database: Kysely<DatabaseSchema>) {
    this.#database = database;
  }

  async find(key: FunctionKey, qualifier: string): Promise<ProvisionedConcurrency | undefined> {
    const row = await this.#of(key).where('qualifier', '=', qualifier).executeTakeFirst();
    return row === undefined ? undefined : toConfig(row);
  }

  async put({ accountId, functionName }: FunctionKey, { qualifier, executions, lastModified }: ProvisionedConcurrency): Promise<void> {
    await this.#database
      .insertInto('provisioned_concurrency')
      .values({ account_id: accountId, function_name: functionName, qualifier, executions, last_modified: lastModified })
      .onConflict((conflict) =>
        conflict.columns(['account_id', 'function_name', 'qualifier']).doUpdateSet({ executions, last_modified: lastModified }),
      )
      .execute();
  }

  async remove({ accountId, functionName }: FunctionKey, qualifier: string): Promise<void> {
    await this.#database
      .deleteFrom('provisioned_concurrency')
      .where('account_id', '=', accountId)
      .where('function_name', '=', functionName)
      .where('qualifier', '=', qualifier)
      .execute();
  }

  async list(key: FunctionKey, { after, limit }: { after: string | undefined; limit: number }): Promise<readonly ProvisionedConcurrency[]> {
    let query = this.#of(key);
    if (after !== undefined) query = query.where('qualifier', '>', after);
    return (await query.orderBy('qualifier').limit(limit).execute()).map(toConfig);
  }

  async functions(): Promise<readonly FunctionKey[]> {
    const rows = await this.#database.selectFrom('provisioned_concurrency').select(['account_id', 'function_name']).distinct().execute();
    return rows.map((row) => ({ accountId: row.account_id, functionName: row.function_name }));
  }

  async total(key: FunctionKey, exceptQualifier?: string): Promise<number> {
    const rows = await this.#of(key).execute();
    return rows.filter(({ qualifier }) => qualifier !== exceptQualifier).reduce((sum, { executions }) => sum + executions, 0);
  }

  #of({ accountId, functionName }: FunctionKey) {
    return this.#database
      .selectFrom('provisioned_concurrency')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('function_name', '=', functionName);
  }
}

function toConfig(row: Selectable<DatabaseSchema['provisioned_concurrency']>): ProvisionedConcurrency {
  return { qualifier: row.qualifier, executions: row.executions, lastModified: row.last_modified };
}
