import type { Kysely } from 'kysely';
import type { ConcurrencyBounds, FunctionSettingStore, RecursiveLoop } from '../control-api/stores/function-setting-store.ts';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import type { DatabaseSchema } from './database-schema.ts';
import { setFunctionSetting } from './set-function-setting.ts';

const maxCachedTotals = 10_000;

/** Settings of functions in the metadata database. */
export class SqliteFunctionSettingStore implements FunctionSettingStore {
  readonly #database: Kysely<DatabaseSchema>;
  readonly #onChange: (key: FunctionKey) => void;
  readonly #totals = new Map<string, Promise<number>>();

  /** `onChange` is told what the invoke path must read anew. */
  constructor(database: Kysely<DatabaseSchema>, onChange: (key: FunctionKey) => void) {
    this.#database = database;
    this.#onChange = onChange;
  }

  async reservedConcurrency(key: FunctionKey): Promise<number | undefined> {
    return (await this.#find(key))?.reserved_concurrency ?? undefined;
  }

  totalReservedConcurrency(accountId: string): Promise<number> {
    const known = this.#totals.get(accountId);
    if (known !== undefined) return known;
    const total = totalReserved(this.#database, accountId);
    if (this.#totals.size >= maxCachedTotals) this.#totals.clear();
    this.#totals.set(accountId, total);
    total.catch(() => this.forget({ accountId }));
    return total;
  }

  /** Told after every change of an account's functions. */
  forget({ accountId }: Pick<FunctionKey, 'accountId'>): void {
    this.#totals.delete(accountId);
  }

  async reserveConcurrency(key: FunctionKey, executions: number, { max, minUnreserved }: ConcurrencyBounds): Promise<boolean> {
    try {
      return await this.#database.transaction().execute(async (transaction) => {
        const others = await totalReserved(transaction, key.accountId, key.functionName);
        if (max - others - executions < minUnreserved) return false;
        await setFunctionSetting(transaction, key, { reserved_concurrency: executions });
        return true;
      });
    } finally {
      this.#onChange(key);
    }
  }

  async releaseConcurrency(key: FunctionKey): Promise<void> {
    await setFunctionSetting(this.#database, key, { reserved_concurrency: null }).finally(() => this.#onChange(key));
  }

  async recursiveLoop(key: FunctionKey): Promise<RecursiveLoop> {
    return (await this.#find(key))?.recursive_loop ?? 'Terminate';
  }

  async setRecursiveLoop(key: FunctionKey, loop: RecursiveLoop): Promise<void> {
    await setFunctionSetting(this.#database, key, { recursive_loop: loop }).finally(() => this.#onChange(key));
  }

  #find({ accountId, functionName }: FunctionKey) {
    return this.#database
      .selectFrom('function_settings')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('function_name', '=', functionName)
      .executeTakeFirst();
  }
}

async function totalReserved(database: Kysely<DatabaseSchema>, accountId: string, exceptFunction?: string): Promise<number> {
  let query = database
    .selectFrom('function_settings')
    .select(({ fn }) => fn.sum<number | null>('reserved_concurrency').as('total'))
    .where('account_id', '=', accountId);
  if (exceptFunction !== undefined) query = query.where('function_name', '!=', exceptFunction);
  return (await query.executeTakeFirstOrThrow()).total ?? 0;
}
