import type { Kysely, Selectable } from 'kysely';
import type { CodeSigningStore } from '../control-api/stores/code-signing-store.ts';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import type { CodeSigningConfig } from '../functions/code-signing-config.ts';
import type { DatabaseSchema } from './database-schema.ts';
import { setFunctionSetting } from './set-function-setting.ts';

/** Code signing configurations in the metadata database. */
export class SqliteCodeSigningStore implements CodeSigningStore {
  readonly #database: Kysely<DatabaseSchema>;

  constructor(database: Kysely<DatabaseSchema>) {
    this.#database = database;
  }

  async create(config: CodeSigningConfig, tags: Readonly<Record<string, string>>): Promise<void> {
    await this.#database
      .insertInto('code_signing_configs')
      .values({ account_id: config.accountId, config_id: config.id, ...toColumns(config), tags: JSON.stringify(tags) })
      .execute();
  }

  async find(accountId: string, id: string): Promise<CodeSigningConfig | undefined> {
    const row = await this.#database
      .selectFrom('code_signing_configs')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('config_id', '=', id)
      .executeTakeFirst();
    return row === undefined ? undefined : toConfig(row);
  }

  async replace(config: CodeSigningConfig): Promise<boolean> {
    const updated = await this.#database
      .updateTable('code_signing_configs')
      .set(toColumns(config))
      .where('account_id', '=', config.accountId)
      .where('config_id', '=', config.id)
      .executeTakeFirst();
    return updated.numUpdatedRows > 0n;
  }

  remove(accountId: string, id: string): Promise<'removed' | 'inUse' | 'none'> {
    return this.#database.transaction().execute(async (transaction) => {
      const user = await transaction
        .selectFrom('function_settings')
        .select('function_name')
        .where('account_id', '=', accountId)
        .where('code_signing_config_id', '=', id)
        .executeTakeFirst();
      if (user !== undefined) return 'inUse';
      const removed = await transaction
        .deleteFrom('code_signing_configs')
        .where('account_id', '=', accountId)
        .where('config_id', '=', id)
        .executeTakeFirst();
      return removed.numDeletedRows > 0n ? 'removed' : 'none';
    });
  }

  async list(accountId: string, { after, limit }: { after: string | undefined; limit: number }): Promise<readonly CodeSigningConfig[]> {
    let query = this.#database.selectFrom('code_signing_configs').selectAll().where('account_id', '=', accountId);
    if (after !== undefined) query = query.where('config_id', '>', after);
    return (await query.orderBy('config_id').limit(limit).execute()).map(toConfig);
  }

  async listFunctions(accountId: string, id: string, { after, limit }: { after: string | undefined; limit: number }): Promise<readonly string[]> {
    let query = this.#database
      .selectFrom('function_settings')
      .select('function_name')
      .where('account_id', '=', accountId)
      .where('code_signing_config_id', '=', id);
    if (after !== undefined) query = query.where('function_name', '>', after);
    return (await query.orderBy('function_name').limit(limit).execute()).map((row) => row.function_name);
  }

  async configIdOf({ accountId, functionName }: FunctionKey): Promise<string | undefined> {
    const row = await this.#database
      .selectFrom('function_settings')
      .select('code_signing_config_id')
      .where('account_id', '=', accountId)
      .where('function_name', '=', functionName)
      .executeTakeFirst();
    return row?.code_signing_config_id ?? undefined;
  }

  async assign(key: FunctionKey, id: string | undefined): Promise<void> {
    await setFunctionSetting(this.#database, key, { code_signing_config_id: id ?? null });
  }
}

function toColumns(config: CodeSigningConfig) {
  return {
    description: config.description,
    publishers: JSON.stringify(config.publishers),
    untrusted_code: config.untrustedCode,
    last_modified: config.lastModified,
  };
}

function toConfig(row: Selectable<DatabaseSchema['code_signing_configs']>): CodeSigningConfig {
  return {
    accountId: row.account_id,
    id: row.config_id,
    description: row.description,
    publishers: JSON.parse(row.publishers) as string[],
    untrustedCode: row.untrusted_code,
    lastModified: row.last_modified,
  };
}
