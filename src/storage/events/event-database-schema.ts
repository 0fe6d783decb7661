import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Tables of the events' database. Times are milliseconds since the epoch. */
export interface EventDatabaseSchema {
  events: {
    id: number;
    phase: 'attempt' | 'delivery';
    account_id: string;
    function_name: string;
    qualifier: string | null;
    request_id: string;
    accepted_at: number;
    due_at: number;
    failures: number;
    refusals: number;
    /** Of the payload, and of the response that is kept for its record. */
    bytes: number;
    /** JSON of an EventOutcome, in phase `delivery`. */
    outcome: string | null;
  };
  /** Apart, since SQLite writes a row anew with every change of it. */
  event_contents: {
    event_id: number;
    client_context: string | null;
    trace_header: string | null;
    tenant_id: string | null;
    payload: Uint8Array;
    response: Uint8Array | null;
  };
}

/** In the order of their names; see migrations.ts. */
export const eventMigrations: Readonly<Record<string, Migration>> = {
  '2026-11-b-async': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('events')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('phase', 'text', (column) => column.notNull())
        .addColumn('account_id', 'text', (column) => column.notNull())
        .addColumn('function_name', 'text', (column) => column.notNull())
        .addColumn('qualifier', 'text')
        .addColumn('request_id', 'text', (column) => column.notNull())
        .addColumn('accepted_at', 'integer', (column) => column.notNull())
        .addColumn('due_at', 'integer', (column) => column.notNull())
        .addColumn('failures', 'integer', (column) => column.notNull())
        .addColumn('refusals', 'integer', (column) => column.notNull())
        .addColumn('hops', 'integer', (column) => column.notNull())
        .addColumn('bytes', 'integer', (column) => column.notNull())
        .addColumn('outcome', 'text')
        .execute();
      await db.schema.createIndex('events_next').on('events').columns(['phase', 'account_id', 'function_name', 'due_at', 'id']).execute();
      await db.schema
        .createTable('event_contents')
        .addColumn('event_id', 'integer', (column) => column.primaryKey().references('events.id').onDelete('cascade'))
        .addColumn('client_context', 'text')
        .addColumn('trace_header', 'text')
        .addColumn('tenant_id', 'text')
        .addColumn('payload', 'blob', (column) => column.notNull())
        .addColumn('response', 'blob')
        .execute();
    },
  },
  /** The trace header says what an event came through. */
  '2026-11-c-lineage': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema.alterTable('events').dropColumn('hops').execute();
    },
  },
};
