import type { Kysely, Selectable, Transaction } from 'kysely';
import type { LaneName } from '../../environment/pool/fair-turns.ts';
import type { AccountUse, Backlog, EventChange, EventPhase, StoredEvent } from '../../invoke/events/event-store.ts';
import type { EventContent, EventOutcome, QueuedEvent } from '../../invoke/events/queued-event.ts';
import { openSqliteDatabase } from '../sqlite-database.ts';
import { type EventDatabaseSchema, eventMigrations } from './event-database-schema.ts';

type EventRow = Selectable<EventDatabaseSchema['events']>;

/** SQLite takes no more than 32,766 values in a statement; an event has 12. */
const rowsOfOneStatement = 1_000;

const metadataColumns = [
  'id',
  'phase',
  'account_id',
  'function_name',
  'qualifier',
  'request_id',
  'accepted_at',
  'due_at',
  'failures',
  'refusals',
  'bytes',
  'outcome',
] as const;

/** The events' database, by its own file: what is written for every event shall not wait for, nor hold up, what is rarely written. */
export class EventDatabase {
  readonly #database: Kysely<EventDatabaseSchema>;

  private constructor(database: Kysely<EventDatabaseSchema>) {
    this.#database = database;
  }

  static async open(path: string): Promise<EventDatabase> {
    return new EventDatabase(await openSqliteDatabase<EventDatabaseSchema>(path, eventMigrations));
  }

  close(): Promise<void> {
    return this.#database.destroy();
  }

  /** All of it in one transaction; answers for each group by how much it changed what accounts keep. */
  commit(groups: readonly (readonly EventChange[])[]): Promise<readonly (readonly AccountUse[])[]> {
    return this.#database.transaction().execute(async (transaction) => {
      const uses: AccountUse[][] = [];
      await insertEvents(
        transaction,
        groups.flat().filter((change) => change.kind === 'insert'),
      );
      for (const group of groups) {
        const use: AccountUse[] = [];
        for (const change of group) await apply(transaction, change, use);
        uses.push(use);
      }
      return uses;
    });
  }

  async next(phase: EventPhase, lane: LaneName, limit: number): Promise<readonly QueuedEvent[]> {
    const rows = await this.#database
      .selectFrom('events')
      .select(metadataColumns)
      .where('phase', '=', phase)
      .where('account_id', '=', lane.accountId)
      .where('function_name', '=', lane.functionName)
      .orderBy('due_at')
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map(toEvent);
  }

  async read(id: number): Promise<StoredEvent | undefined> {
    const row = await this.#database
      .selectFrom('events')
      .innerJoin('event_contents', 'event_contents.event_id', 'events.id')
      .selectAll()
      .where('events.id', '=', id)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const content: EventContent = {
      payload: toBuffer(row.payload),
      ...(row.client_context === null ? {} : { clientContext: row.client_context }),
      ...(row.trace_header === null ? {} : { traceHeader: row.trace_header }),
      ...(row.tenant_id === null ? {} : { tenantId: row.tenant_id }),
    };
    return {
      event: toEvent(row),
      content,
      ...(row.outcome === null ? {} : { outcome: JSON.parse(row.outcome) as EventOutcome }),
      ...(row.response === null ? {} : { responsePayload: toBuffer(row.response) }),
    };
  }

  async backlog(): Promise<Backlog> {
    const rows = await this.#database
      .selectFrom('events')
      .select(({ fn }) => ['phase', 'account_id', 'function_name', fn.countAll<number>().as('events'), fn.sum<number>('bytes').as('bytes')])
      .groupBy(['phase', 'account_id', 'function_name'])
      .execute();
    const last = await this.#database
      .selectFrom('events')
      .select(({ fn }) => fn.max('id').as('id'))
      .executeTakeFirst();
    return {
      lastId: last?.id ?? 0,
      lanes: rows.map((row) => ({ phase: row.phase, accountId: row.account_id, functionName: row.function_name })),
      use: sumByAccount(rows.map((row) => ({ accountId: row.account_id, events: row.events, bytes: row.bytes }))),
    };
  }
}

/** Many rows in one statement: most of what is written. */
async function insertEvents(transaction: Transaction<EventDatabaseSchema>, inserts: readonly (EventChange & { kind: 'insert' })[]): Promise<void> {
  for (let start = 0; start < inserts.length; start += rowsOfOneStatement) {
    const part = inserts.slice(start, start + rowsOfOneStatement);
    await transaction.insertInto('events').values(part.map(toEventRow)).execute();
    await transaction.insertInto('event_contents').values(part.map(toContentRow)).execute();
  }
}

async function apply(transaction: Transaction<EventDatabaseSchema>, change: EventChange, use: AccountUse[]): Promise<void> {
  switch (change.kind) {
    case 'insert':
      use.push({ accountId: change.event.accountId, events: 1, bytes: change.content.payload.length });
      return;
    case 'postpone': {
      const { id, dueAtMs, failures, refusals } = change;
      await transaction.updateTable('events').set({ due_at: dueAtMs, failures, refusals }).where('id', '=', id).execute();
      return;
    }
    case 'conclude': {
      const { id, dueAtMs, outcome, responsePayload } = change;
      const responseBytes = responsePayload?.length ?? 0;
      const row = await transaction
        .updateTable('events')
        .set((eb) => ({
          phase: 'delivery',
          due_at: dueAtMs,
          refusals: 0,
          outcome: JSON.stringify(outcome),
          bytes: eb('bytes', '+', responseBytes),
        }))
        .where('id', '=', id)
        .returning('account_id')
        .executeTakeFirst();
      if (row === undefined || responsePayload === undefined) return;
      await transaction.updateTable('event_contents').set({ response: responsePayload }).where('event_id', '=', id).execute();
      use.push({ accountId: row.account_id, events: 0, bytes: responseBytes });
      return;
    }
    case 'narrow':
      await transaction
        .updateTable('events')
        .set({ outcome: JSON.stringify(change.outcome), refusals: 0 })
        .where('id', '=', change.id)
        .execute();
      return;
    case 'remove': {
      const row = await transaction.deleteFrom('events').where('id', '=', change.id).returning(['account_id', 'bytes']).executeTakeFirst();
      if (row !== undefined) use.push({ accountId: row.account_id, events: -1, bytes: -row.bytes });
      return;
    }
    case 'forget': {
      const rows = await transaction
        .deleteFrom('events')
        .where('phase', '=', 'attempt')
        .where('account_id', '=', change.lane.accountId)
        .where('function_name', '=', change.lane.functionName)
        .returning(['account_id', 'bytes'])
        .execute();
      use.push(...sumByAccount(rows.map((row) => ({ accountId: row.account_id, events: -1, bytes: -row.bytes }))));
      return;
    }
  }
}

function toEventRow({ event, content }: EventChange & { kind: 'insert' }): EventRow {
  return {
    id: event.id,
    phase: 'attempt',
    account_id: event.accountId,
    function_name: event.functionName,
    qualifier: event.qualifier ?? null,
    request_id: event.requestId,
    accepted_at: event.acceptedAtMs,
    due_at: event.dueAtMs,
    failures: event.failures,
    refusals: event.refusals,
    bytes: content.payload.length,
    outcome: null,
  };
}

function toContentRow({ event, content }: EventChange & { kind: 'insert' }): EventDatabaseSchema['event_contents'] {
  return {
    event_id: event.id,
    client_context: content.clientContext ?? null,
    trace_header: content.traceHeader ?? null,
    tenant_id: content.tenantId ?? null,
    payload: content.payload,
    response: null,
  };
}

function toEvent(row: EventRow): QueuedEvent {
  return {
    id: row.id,
    accountId: row.account_id,
    functionName: row.function_name,
    qualifier: row.qualifier ?? undefined,
    requestId: row.request_id,
    acceptedAtMs: row.accepted_at,
    dueAtMs: row.due_at,
    failures: row.failures,
    refusals: row.refusals,
  };
}

function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function sumByAccount(uses: readonly AccountUse[]): readonly AccountUse[] {
  const sums = new Map<string, AccountUse>();
  for (const { accountId, events, bytes } of uses) {
    const sum = sums.get(accountId) ?? { accountId, events: 0, bytes: 0 };
    sums.set(accountId, { accountId, events: sum.events + events, bytes: sum.bytes + bytes });
  }
  return [...sums.values()];
}
