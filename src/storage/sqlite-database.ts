import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SqliteDatabase } from 'kysely';
import { Kysely, SqliteDialect } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { CloisterError } from '../errors.ts';

type SqliteValue = string | number | bigint | null | Uint8Array;

/** Opens a database, making or migrating it first. */
export async function openSqliteDatabase<Schema>(path: string, migrations: Readonly<Record<string, Migration>>): Promise<Kysely<Schema>> {
  // SECURITY: the file holds secret keys. SQLite gives its -wal and -shm files the same mode.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
  const connection = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5_000 });
  connection.exec('PRAGMA journal_mode = WAL');
  // FULL: a commit waits until the log is on the disk itself. A killed process loses nothing that was committed at any setting, since the kernel has
  // it; after a power failure NORMAL could lack the last commits, which were acknowledged.
  connection.exec('PRAGMA synchronous = FULL');
  const database = new Kysely<Schema>({ dialect: new SqliteDialect({ database: adapt(connection) }) });
  try {
    await migrate(database, migrations);
  } catch (error) {
    await database.destroy();
    throw error;
  }
  return database;
}

async function migrate<Schema>(database: Kysely<Schema>, migrations: Readonly<Record<string, Migration>>): Promise<void> {
  // Migrations of one month are independent of each other, and their names do not tell which was there first.
  const migrator = new Migrator({ db: database, provider: { getMigrations: () => Promise.resolve(migrations) }, allowUnorderedMigrations: true });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw new CloisterError('Internal', 'a database could not be migrated', { operation: 'migrate', cause: error });
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
