import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SqliteDatabase } from 'kysely';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { CloisterError } from '../errors.ts';
import type { DatabaseSchema } from './database-schema.ts';
import { migrations } from './migrations.ts';

type SqliteValue = string | number | bigint | null | Uint8Array;

/** Opens the metadata database, making or migrating it first. */
export async function openSqliteDatabase(path: string): Promise<Kysely<DatabaseSchema>> {
  // SECURITY: the file holds secret keys. SQLite gives its -wal and -shm files the same mode.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
  const connection = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5_000 });
  connection.exec('PRAGMA journal_mode = WAL');
  // FULL: a change that was acknowledged survives a power failure, too. Changes are rare, and the invoke path writes nothing here.
  connection.exec('PRAGMA synchronous = FULL');
  const database = new Kysely<DatabaseSchema>({ dialect: new SqliteDialect({ database: adapt(connection) }) });
  try {
    await migrate(database);
  } catch (error) {
    await database.destroy();
    throw error;
  }
  return database;
}

async function migrate(database: Kysely<DatabaseSchema>): Promise<void> {
  // Migrations of one month are independent of each other, and their names do not tell which was there first.
  const migrator = new Migrator({ db: database, provider: { getMigrations: () => Promise.resolve(migrations) }, allowUnorderedMigrations: true });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw new CloisterError('Internal', 'the metadata database could not be migrated', { operation: 'migrate', cause: error });
}

/** node:sqlite in the shape Kysely's SQLite dialect was written for. */
function adapt(connection: DatabaseSync): SqliteDatabase {
  return {
    close: () => connection.close(),
    prepare: (sql) => {
      const statement = connection.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as SqliteValue[])),
        run: (parameters) => statement.run(...(parameters as SqliteValue[])),
        iterate: (parameters) => statement.iterate(...(parameters as SqliteValue[])),
      };
    },
  };
}
