import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** How asynchronous invocations are handled, per qualifier. They go with their function. */
export const asyncMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('event_invoke_configs')
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('function_name', 'text', (column) => column.notNull())
      .addColumn('qualifier', 'text', (column) => column.notNull())
      .addColumn('last_modified', 'integer', (column) => column.notNull())
      .addColumn('maximum_retry_attempts', 'integer')
      .addColumn('maximum_event_age_seconds', 'integer')
      .addColumn('on_success', 'text')
      .addColumn('on_failure', 'text')
      .addPrimaryKeyConstraint('event_invoke_configs_key', ['account_id', 'function_name', 'qualifier'])
      .addForeignKeyConstraint(
        'event_invoke_configs_function',
        ['account_id', 'function_name'],
        'functions',
        ['account_id', 'function_name'],
        (constraint) => constraint.onDelete('cascade'),
      )
      .execute();
  },
};
