import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventOutcome, QueuedEvent } from '../../invoke/events/queued-event.ts';
import { SqliteEventStore } from './sqlite-event-store.ts';

let directory: string;
let path: string;
let store: SqliteEventStore;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cloister-events-'));
  path = join(directory, 'events.sqlite');
  store = await SqliteEventStore.open(path);
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const lane = { accountId: '111111111111', functionName: 'f' };
const event = (id: number, more: Partial<QueuedEvent> = {}): QueuedEvent => ({
  ...lane,
  id,
  qualifier: undefined,
  requestId: `request-${id}`,
  acceptedAtMs: 1,
  dueAtMs: 1,
  failures: 0,
  refusals: 0,
  ...more,
});
const insert = (id: number, text = '{}', more: Partial<QueuedEvent> = {}) =>
  store.commit([{ kind: 'insert', event: event(id, more), content: { payload: Buffer.from(text) } }]);
const outcome: EventOutcome = {
  condition: 'Success',
  approximateInvokeCount: 1,
  functionArn: 'arn',
  endedAtMs: 2,
  recordId: 'id',
  targets: [{ kind: 'destination', arn: 'a' }],
};

describe('SqliteEventStore', () => {
  it('keeps what it was given, over a new opening', async () => {
    const content = { payload: Buffer.from('{"ü":1}'), clientContext: '{}', traceHeader: 'Root=1', tenantId: 'blue' };
    await store.commit([{ kind: 'insert', event: event(7, { qualifier: 'live' }), content }]);
    await store.close();
    store = await SqliteEventStore.open(path);
    expect(await store.read(7)).toEqual({ event: event(7, { qualifier: 'live' }), content });
    expect(await store.backlog()).toEqual({
      lastId: 7,
      lanes: [{ phase: 'attempt', ...lane }],
      use: [{ accountId: lane.accountId, events: 1, bytes: content.payload.length }],
    });
  });

  it('has committed before it says so: another connection sees the row', async () => {
    await insert(1);
    const other = new DatabaseSync(path, { readOnly: true });
    expect(other.prepare('SELECT count(*) AS count FROM events').get()).toMatchObject({ count: 1 });
    other.close();
  });

  it('gathers what comes at once into few transactions', async () => {
    const other = new DatabaseSync(path, { readOnly: true });
    const pages = () => Number(other.prepare('PRAGMA data_version').get()?.['data_version']);
    const versions = new Set<number>();
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        versions.add(pages());
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await Promise.all(Array.from({ length: 500 }, (_, index) => insert(index + 1)));
    isOver = true;
    await watching;
    other.close();
    expect((await store.backlog()).use).toMatchObject([{ events: 500 }]);
    expect(versions.size).toBeLessThan(20);
  });

  it('answers a lane by when its events are due, then by when they came', async () => {
    await insert(1, '{}', { dueAtMs: 30 });
    await insert(2, '{}', { dueAtMs: 10 });
    await insert(3, '{}', { dueAtMs: 10 });
    await insert(4, '{}', { functionName: 'other' });
    expect((await store.next('attempt', lane, 2)).map(({ id }) => id)).toEqual([2, 3]);
    await store.commit([{ kind: 'postpone', id: 2, dueAtMs: 40, failures: 1, refusals: 0 }]);
    expect((await store.next('attempt', lane, 9)).map(({ id }) => id)).toEqual([3, 1, 2]);
  });

  it('tells by how much each change altered what the account keeps', async () => {
    expect(await insert(1, '"123456"')).toEqual([{ accountId: lane.accountId, events: 1, bytes: 8 }]);
    const concluded = await store.commit([{ kind: 'conclude', id: 1, dueAtMs: 5, outcome, responsePayload: Buffer.from('12345') }]);
    expect(concluded).toEqual([{ accountId: lane.accountId, events: 0, bytes: 5 }]);
    expect(await store.read(1)).toMatchObject({ outcome, responsePayload: Buffer.from('12345') });
    expect(await store.next('attempt', lane, 9)).toEqual([]);
    expect(await store.commit([{ kind: 'remove', id: 1 }])).toEqual([{ accountId: lane.accountId, events: -1, bytes: -13 }]);
    expect(await store.commit([{ kind: 'remove', id: 1 }])).toEqual([]);
    expect(await store.read(1)).toBeUndefined();
  });

  it('forgets what waits for a function, and keeps what its targets must hear', async () => {
    for (const id of [1, 2, 3]) await insert(id);
    await store.commit([{ kind: 'conclude', id: 2, dueAtMs: 5, outcome }]);
    expect(await store.commit([{ kind: 'forget', lane }])).toEqual([{ accountId: lane.accountId, events: -2, bytes: -4 }]);
    expect((await store.backlog()).lanes).toEqual([{ phase: 'delivery', ...lane }]);
  });

  it('takes all changes of a commit or none', async () => {
    await insert(1);
    const both = store.commit([
      { kind: 'remove', id: 1 },
      { kind: 'insert', event: event(2, { requestId: null as unknown as string }), content: { payload: Buffer.from('{}') } },
    ]);
    await expect(both).rejects.toMatchObject({ code: 'Internal' });
    expect(await store.read(1)).toBeDefined();
  });
});
