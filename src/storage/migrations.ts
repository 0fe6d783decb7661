import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { asyncMigration } from './migrations/2026-11-b-async.ts';
import { namesMigration } from './migrations/2026-11-b-names.ts';
import { policiesMigration } from './migrations/2026-11-b-policies.ts';
import { functionUrlsMigration } from './migrations/2026-11-b-policies-urls.ts';
import { settingsMigration } from './migrations/2026-11-b-settings.ts';

/** In the order of their names. One that was released is never changed: the next change is a new one. */
export const migrations: Readonly<Record<string, Migration>> = {
  '2026-11-a-spine': {
    async up(db: Kysely<unknown>): Promise<void> {
      await makeAccountTables(db);
      await makeFunctionTables(db);
      await makeLayerTables(db);
      await db.schema
        .createTable('artifacts')
        .addColumn('account_id', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('artifacts_key', ['account_id', 'kind', 'digest'])
        .execute();
    },
  },
  '2026-11-b-policies': policiesMigration,
  '2026-11-b-names': namesMigration,
  '2026-11-b-async': asyncMigration,
  '2026-11-b-settings': settingsMigration,
  '2026-11-b-policies-urls': functionUrlsMigration,
};

async function makeAccountTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('accounts')
    .addColumn('account_id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('access_keys')
    .addColumn('access_key_id', 'text', (column) => column.primaryKey())
    .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
    .addColumn('secret_access_key', 'text', (column) => column.notNull())
    .addColumn('operator', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .execute();
}

async function makeFunctionTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('functions')
    .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
    .addColumn('function_name', 'text', (column) => column.notNull())
    .addColumn('last_version', 'integer', (column) => column.notNull())
    .addColumn('published_revision_id', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('functions_key', ['account_id', 'function_name'])
    .execute();
  await db.schema
    .createTable('function_versions')
    .addColumn('account_id', 'text', (column) => column.notNull())
    .addColumn('function_name', 'text', (column) => column.notNull())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('revision_id', 'text', (column) => column.notNull())
    .addColumn('last_modified', 'text', (column) => column.notNull())
    .addColumn('configuration', 'text', (column) => column.notNull())
    .addColumn('archive_digest', 'text', (column) => column.notNull())
    .addColumn('archive_bytes', 'integer', (column) => column.notNull())
    .addColumn('image_digest', 'text', (column) => column.notNull())
    .addColumn('unpacked_bytes', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('function_versions_key', ['account_id', 'function_name', 'sequence'])
    .addForeignKeyConstraint(
      'function_versions_function',
      ['account_id', 'function_name'],
      'functions',
      ['account_id', 'function_name'],
      (constraint) => constraint.onDelete('cascade'),
    )
    .execute();
  await db.schema
    .createTable('function_version_layers')
    .addColumn('account_id', 'text', (column) => column.notNull())
    .addColumn('function_name', 'text', (column) => column.notNull())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('layer_account_id', 'text', (column) => column.notNull())
    .addColumn('image_digest', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('function_version_layers_key', ['account_id', 'function_name', 'sequence', 'layer_account_id', 'image_digest'])
    .addForeignKeyConstraint(
      'function_version_layers_version',
      ['account_id', 'function_name', 'sequence'],
      'function_versions',
      ['account_id', 'function_name', 'sequence'],
      (constraint) => constraint.onDelete('cascade'),
    )
    .execute();
  await db.schema
    .createTable('function_tags')
    .addColumn('account_id', 'text', (column) => column.notNull())
    .addColumn('function_name', 'text', (column) => column.notNull())
    .addColumn('tag_key', 'text', (column) => column.notNull())
    .addColumn('tag_value', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('function_tags_key', ['account_id', 'function_name', 'tag_key'])
    .addForeignKeyConstraint('function_tags_function', ['account_id', 'function_name'], 'functions', ['account_id', 'function_name'], (constraint) =>
      constraint.onDelete('cascade'),
    )
    .execute();
}

async function makeLayerTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('layers')
    .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.account_id'))
    .addColumn('layer_name', 'text', (column) => column.notNull())
    .addColumn('last_version', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('layers_key', ['account_id', 'layer_name'])
    .execute();
  await db.schema
    .createTable('layer_versions')
    .addColumn('account_id', 'text', (column) => column.notNull())
    .addColumn('layer_name', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('license_info', 'text')
    .addColumn('compatible_runtimes', 'text', (column) => column.notNull())
    .addColumn('compatible_architectures', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('archive_digest', 'text', (column) => column.notNull())
    .addColumn('archive_bytes', 'integer', (column) => column.notNull())
    .addColumn('image_digest', 'text', (column) => column.notNull())
    .addColumn('unpacked_bytes', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('layer_versions_key', ['account_id', 'layer_name', 'version'])
    .addForeignKeyConstraint('layer_versions_layer', ['account_id', 'layer_name'], 'layers', ['account_id', 'layer_name'])
    .execute();
}
