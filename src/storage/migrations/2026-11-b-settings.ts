import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Where versions stand, settings of functions, and code signing configurations. */
export const settingsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('function_versions').addColumn('status', 'text').execute();
    await db.schema
      .createTable('code_signing_configs')
      .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
      .addColumn('config_id', 'text', (column) => column.notNull())
      .addColumn('description', 'text', (column) => column.notNull())
      .addColumn('publishers', 'text', (column) => column.notNull())
      .addColumn('untrusted_code', 'text', (column) => column.notNull())
      .addColumn('last_modified', 'text', (column) => column.notNull())
      .addColumn('tags', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('code_signing_configs_key', ['account_id', 'config_id'])
      .execute();
    await db.schema
      .createTable('function_settings')
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('function_name', 'text', (column) => column.notNull())
      .addColumn('reserved_concurrency', 'integer')
      .addColumn('recursive_loop', 'text')
      .addColumn('code_signing_config_id', 'text')
      .addPrimaryKeyConstraint('function_settings_key', ['account_id', 'function_name'])
      .addForeignKeyConstraint(
        'function_settings_function',
        ['account_id', 'function_name'],
        'functions',
        ['account_id', 'function_name'],
        (constraint) => constraint.onDelete('cascade'),
      )
      .addForeignKeyConstraint('function_settings_code_signing', ['account_id', 'code_signing_config_id'], 'code_signing_configs', [
        'account_id',
        'config_id',
      ])
      .execute();
    await makeProvisionedConcurrency(db);
  },
};

/** Of versions and of aliases, which are in tables of their own: triggers do what foreign keys to either cannot. */
async function makeProvisionedConcurrency(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('provisioned_concurrency')
    .addColumn('account_id', 'text', (column) => column.notNull())
    .addColumn('function_name', 'text', (column) => column.notNull())
    .addColumn('qualifier', 'text', (column) => column.notNull())
    .addColumn('executions', 'integer', (column) => column.notNull())
    .addColumn('last_modified', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('provisioned_concurrency_key', ['account_id', 'function_name', 'qualifier'])
    .addForeignKeyConstraint(
      'provisioned_concurrency_function',
      ['account_id', 'function_name'],
      'functions',
      ['account_id', 'function_name'],
      (constraint) => constraint.onDelete('cascade'),
    )
    .execute();
  await sql`CREATE TRIGGER provisioned_concurrency_of_version AFTER DELETE ON function_versions BEGIN
    DELETE FROM provisioned_concurrency WHERE account_id = OLD.account_id AND function_name = OLD.function_name AND qualifier = CAST(OLD.sequence AS TEXT);
  END`.execute(db);
  await sql`CREATE TRIGGER provisioned_concurrency_of_alias AFTER DELETE ON function_aliases BEGIN
    DELETE FROM provisioned_concurrency WHERE account_id = OLD.account_id AND function_name = OLD.function_name AND qualifier = OLD.alias_name;
  END`.execute(db);
}
