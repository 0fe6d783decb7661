import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Resource policies, and the user that an access key may be of. */
export const policiesMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('access_keys').addColumn('user_name', 'text').execute();
    await db.schema
      .createTable('function_policies')
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('function_name', 'text', (column) => column.notNull())
      .addColumn('qualifier', 'text', (column) => column.notNull())
      .addColumn('revision_id', 'text', (column) => column.notNull())
      .addColumn('statements', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('function_policies_key', ['account_id', 'function_name', 'qualifier'])
      .addForeignKeyConstraint(
        'function_policies_function',
        ['account_id', 'function_name'],
        'functions',
        ['account_id', 'function_name'],
        (constraint) => constraint.onDelete('cascade'),
      )
      .execute();
    await db.schema
      .createTable('layer_policies')
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('layer_name', 'text', (column) => column.notNull())
      .addColumn('version', 'integer', (column) => column.notNull())
      .addColumn('revision_id', 'text', (column) => column.notNull())
      .addColumn('statements', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('layer_policies_key', ['account_id', 'layer_name', 'version'])
      .addForeignKeyConstraint(
        'layer_policies_version',
        ['account_id', 'layer_name', 'version'],
        'layer_versions',
        ['account_id', 'layer_name', 'version'],
        (constraint) => constraint.onDelete('cascade'),
      )
      .execute();
  },
};
