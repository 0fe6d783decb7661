import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** URLs of functions and aliases. */
export const functionUrlsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('function_urls')
      .addColumn('url_id', 'text', (column) => column.primaryKey())
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('function_name', 'text', (column) => column.notNull())
      .addColumn('qualifier', 'text', (column) => column.notNull())
      .addColumn('auth_type', 'text', (column) => column.notNull())
      .addColumn('invoke_mode', 'text')
      .addColumn('cors', 'text')
      .addColumn('created_at', 'text', (column) => column.notNull())
      .addColumn('modified_at', 'text', (column) => column.notNull())
      .addUniqueConstraint('function_urls_function_qualifier', ['account_id', 'function_name', 'qualifier'])
      .addForeignKeyConstraint(
        'function_urls_function',
        ['account_id', 'function_name'],
        'functions',
        ['account_id', 'function_name'],
        (constraint) => constraint.onDelete('cascade'),
      )
      .execute();
  },
};
