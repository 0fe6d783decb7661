import type { Kysely } from 'kysely';
import type { AccessKey, AccessKeyDirectory } from '../control-api/stores/access-key-directory.ts';
import { makeAccessKeyId, makeSecretAccessKey } from '../control-api/stores/access-key-directory.ts';
import { CloisterError } from '../errors.ts';
import type { DatabaseSchema } from './database-schema.ts';

/** The account a fresh installation starts with: the example number of AWS's documentation. */
export const firstAccountId = '123456789012';

/** Accounts and their access keys: rows in the database, all of them in memory for look-ups. */
export class Accounts implements AccessKeyDirectory {
  readonly #database: Kysely<DatabaseSchema>;
  readonly #clock: () => number;
  readonly #keys: Map<string, AccessKey>;

  private constructor(database: Kysely<DatabaseSchema>, clock: () => number, keys: Map<string, AccessKey>) {
    this.#database = database;
    this.#clock = clock;
    this.#keys = keys;
  }

  /** Reads all keys; on the first start there is none, and the operator's account and key are made. */
  static async open(database: Kysely<DatabaseSchema>, clock: () => number): Promise<Accounts> {
    const rows = await database.selectFrom('access_keys').selectAll().execute();
    const keys = new Map(
      rows.map((row) => [
        row.access_key_id,
        {
          accessKeyId: row.access_key_id,
          secretAccessKey: row.secret_access_key,
          accountId: row.account_id,
          operator: row.operator === 1,
          ...(row.user_name === null ? {} : { userName: row.user_name }),
        },
      ]),
    );
    const accounts = new Accounts(database, clock, keys);
    if (keys.size === 0) await accounts.#makeKey(firstAccountId, { operator: true });
    return accounts;
  }

  /** The operator's key: what the ready line and the credentials file hold. */
  get operatorKey(): AccessKey {
    for (const key of this.#keys.values()) if (key.operator) return key;
    throw new CloisterError('Internal', 'there is no operator key', { operation: 'operatorKey' });
  }

  findAccessKey(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  createAccessKey(accountId: string, userName?: string): Promise<AccessKey> {
    return this.#makeKey(accountId, { operator: false, userName });
  }

  async #makeKey(accountId: string, { operator, userName }: { operator: boolean; userName?: string | undefined }): Promise<AccessKey> {
    const key: AccessKey = {
      accessKeyId: makeAccessKeyId('AKIA'),
      secretAccessKey: makeSecretAccessKey(),
      accountId,
      operator,
      ...(userName === undefined ? {} : { userName }),
    };
    const createdAt = new Date(this.#clock()).toISOString();
    await this.#database.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('accounts')
        .values({ account_id: accountId, created_at: createdAt })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await transaction
        .insertInto('access_keys')
        .values({
          access_key_id: key.accessKeyId,
          account_id: accountId,
          secret_access_key: key.secretAccessKey,
          operator: operator ? 1 : 0,
          user_name: userName ?? null,
          created_at: createdAt,
        })
        .execute();
    });
    this.#keys.set(key.accessKeyId, key);
    return key;
  }
}
