import type { Kysely } from 'kysely';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import type { DatabaseSchema } from './database-schema.ts';

type Settings = DatabaseSchema['function_settings'];
type Setting = Partial<Omit<Settings, 'account_id' | 'function_name'>>;

/** Writes settings of a function in one statement, and leaves its others. A function that is gone gets none. */
export async function setFunctionSetting(
  database: Kysely<DatabaseSchema>,
  { accountId, functionName }: FunctionKey,
  setting: Setting,
): Promise<void> {
  const { reserved_concurrency = null, recursive_loop = null, code_signing_config_id = null } = setting;
  await database
    .insertInto('function_settings')
    .columns(['account_id', 'function_name', 'reserved_concurrency', 'recursive_loop', 'code_signing_config_id'])
    .expression(({ selectFrom, val }) =>
      selectFrom('functions')
        .select(['account_id', 'function_name'])
        .select([
          val(reserved_concurrency).as('reserved_concurrency'),
          val(recursive_loop).as('recursive_loop'),
          val(code_signing_config_id).as('code_signing_config_id'),
        ])
        .where('account_id', '=', accountId)
        .where('function_name', '=', functionName),
    )
    .onConflict((conflict) => conflict.columns(['account_id', 'function_name']).doUpdateSet(setting))
    .execute();
}
