import type { Kysely, Selectable, Transaction } from 'kysely';
import type { EventInvokeConfigStore, QualifiedKey } from '../control-api/stores/event-invoke-config-store.ts';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import { CloisterError } from '../errors.ts';
import type { EventInvokeConfig } from '../functions/event-invoke-config.ts';
import type { DatabaseSchema } from './database-schema.ts';

type ConfigRow = Selectable<DatabaseSchema['event_invoke_configs']>;

/** Event invoke configurations in the metadata database. */
export class SqliteEventInvokeConfigStore implements EventInvokeConfigStore {
  readonly #database: Kysely<DatabaseSchema>;

  constructor(database: Kysely<DatabaseSchema>) {
    this.#database = database;
  }

  find(key: QualifiedKey): Promise<EventInvokeConfig | undefined> {
    return selectConfig(this.#database, key);
  }

  put(key: QualifiedKey, change: (current: EventInvokeConfig | undefined) => EventInvokeConfig): Promise<EventInvokeConfig> {
    const { accountId, functionName } = key;
    return this.#database.transaction().execute(async (transaction) => {
      const owner = await transaction
        .selectFrom('functions')
        .select('function_name')
        .where('account_id', '=', accountId)
        .where('function_name', '=', functionName)
        .executeTakeFirst();
      if (owner === undefined) throw new CloisterError('NotFound', 'the function is gone', { operation: 'putEventInvokeConfig' });
      const config = change(await selectConfig(transaction, key));
      const values = {
        last_modified: config.lastModifiedMs,
        maximum_retry_attempts: config.maximumRetryAttempts ?? null,
        maximum_event_age_seconds: config.maximumEventAgeSeconds ?? null,
        on_success: config.onSuccess ?? null,
        on_failure: config.onFailure ?? null,
      };
      await transaction
        .insertInto('event_invoke_configs')
        .values({ account_id: accountId, function_name: functionName, qualifier: key.qualifier, ...values })
        .onConflict((conflict) => conflict.columns(['account_id', 'function_name', 'qualifier']).doUpdateSet(values))
        .execute();
      return config;
    });
  }

  async list(key: FunctionKey, options: { after?: string | undefined; limit: number }): Promise<readonly EventInvokeConfig[]> {
    let query = this.#database
      .selectFrom('event_invoke_configs')
      .selectAll()
      .where('account_id', '=', key.accountId)
      .where('function_name', '=', key.functionName);
    if (options.after !== undefined) query = query.where('qualifier', '>', options.after);
    const rows = await query.orderBy('qualifier').limit(options.limit).execute();
    return rows.map(toConfig);
  }

  remove(key: QualifiedKey): Promise<boolean> {
    return removeEventInvokeConfig(this.#database, key);
  }
}

/** Also part of what deletes a version or an alias. */
export async function removeEventInvokeConfig(
  database: Kysely<DatabaseSchema> | Transaction<DatabaseSchema>,
  { accountId, functionName, qualifier }: QualifiedKey,
): Promise<boolean> {
  const removed = await database
    .deleteFrom('event_invoke_configs')
    .where('account_id', '=', accountId)
    .where('function_name', '=', functionName)
    .where('qualifier', '=', qualifier)
    .executeTakeFirst();
  return removed.numDeletedRows > 0n;
}

async function selectConfig(database: Kysely<DatabaseSchema>, key: QualifiedKey): Promise<EventInvokeConfig | undefined> {
  const row = await database
    .selectFrom('event_invoke_configs')
    .selectAll()
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where('qualifier', '=', key.qualifier)
    .executeTakeFirst();
  return row === undefined ? undefined : toConfig(row);
}

function toConfig(row: ConfigRow): EventInvokeConfig {
  return {
    qualifier: row.qualifier,
    lastModifiedMs: row.last_modified,
    ...(row.maximum_retry_attempts === null ? {} : { maximumRetryAttempts: row.maximum_retry_attempts }),
    ...(row.maximum_event_age_seconds === null ? {} : { maximumEventAgeSeconds: row.maximum_event_age_seconds }),
    ...(row.on_success === null ? {} : { onSuccess: row.on_success }),
    ...(row.on_failure === null ? {} : { onFailure: row.on_failure }),
  };
}
