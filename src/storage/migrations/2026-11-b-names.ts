import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Aliases, and what environments go by apart from the revision that clients see. */
export const namesMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('function_aliases')
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('function_name', 'text', (column) => column.notNull())
      .addColumn('alias_name', 'text', (column) => column.notNull())
      .addColumn('sequence', 'integer', (column) => column.notNull())
      .addColumn('additional_sequence', 'integer')
      .addColumn('additional_weight', 'real')
      .addColumn('description', 'text', (column) => column.notNull())
      .addColumn('revision_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('function_aliases_key', ['account_id', 'function_name', 'alias_name'])
      .addForeignKeyConstraint(
        'function_aliases_function',
        ['account_id', 'function_name'],
        'functions',
        ['account_id', 'function_name'],
        (constraint) => constraint.onDelete('cascade'),
      )
      .execute();
    await db.schema.alterTable('function_versions').addColumn('environment_revision_id', 'text').execute();
  },
};
