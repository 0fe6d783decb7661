import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventPosition, EventQuery } from '../../control-api/logs/log-storage.ts';
import { LogStore } from './log-store.ts';

const accountId = '123456789012';
const now = 1_700_000_000_000;
const beginning: EventPosition = { timestamp: -1, sequence: -1 };
const end: EventPosition = { timestamp: Number.MAX_SAFE_INTEGER, sequence: 0 };

let directory: string;
const problems: unknown[] = [];
const opened: LogStore[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'log-store-'));
  problems.length = 0;
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  rmSync(directory, { recursive: true, force: true });
  expect(problems).toEqual([]);
});

function open(maxFileBytes = 8 * 1024 * 1024): LogStore {
  const limits = { maxFileBytes, maxGroupBytes: 64_000_000, maxAccountBytes: 512_000_000, maxHostBytes: 4_000_000_000 };
  const store = new LogStore({ directory, limits, clock: () => now, onProblem: (_problem, cause) => void problems.push(cause) });
  opened.push(store);
  return store;
}

async function query(store: LogStore, options: Partial<EventQuery> & { readonly logGroup: string }): Promise<string[]> {
  const found: string[] = [];
  const whole = { accountId, direction: 'forward', after: beginning, before: end, isWanted: () => true } as const;
  for await (const { message } of store.events({ ...whole, ...options })) found.push(message);
  return found;
}

interface Written {
  readonly timestamp: number;
  readonly stream: number;
}

/** The events' numbers in the order of time, those of one millisecond in the order of writing. */
const inOrder = (all: readonly Written[], isIn: (event: Written) => boolean): string[] =>
  all
    .map((event, index) => ({ ...event, index }))
    .filter(isIn)
    .sort((one, other) => one.timestamp - other.timestamp || one.index - other.index)
    .map(({ index }) => String(index));

describe('LogStore.events', () => {
  it('gives the events of a range of time in the order of time, forward and backward, whatever the order of writing and the files', async () => {
    const event = fc.record({ timestamp: fc.integer({ min: 0, max: 40 }), stream: fc.nat(3) });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 80 }),
        fc.integer({ min: -1, max: 41 }),
        fc.integer({ min: -1, max: 41 }),
        fc.nat(3),
        async (written, from, to, onlyStream) => {
          const logGroup = `group ${count++}`;
          const store = open(150);
          const streams = [0, 1, 2, 3].map((number) => store.openStream({ accountId, logGroup, logStream: `s${number}` }));
          for (const [index, { timestamp, stream }] of written.entries()) {
            streams[stream]?.append(timestamp, String(index));
            if (index % 9 === 0) await store.flush();
          }
          const range = { logGroup, after: { timestamp: from, sequence: -1 }, before: { timestamp: to, sequence: -1 } };
          const expected = inOrder(written, ({ timestamp }) => timestamp >= from && timestamp < to);
          expect(await query(store, range)).toEqual(expected);
          expect(await query(store, { ...range, direction: 'backward' })).toEqual(expected.toReversed());
          const ofOne = await query(store, { ...range, isWanted: (name) => name === `s${onlyStream}` });
          expect(ofOne).toEqual(inOrder(written, ({ timestamp, stream }) => timestamp >= from && timestamp < to && stream === onlyStream));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('goes on after any event of a page, in both directions, without gap or overlap', async () => {
    const store = open(200);
    const logGroup = 'pages';
    const streams = ['a', 'b'].map((logStream) => store.openStream({ accountId, logGroup, logStream }));
    for (let index = 0; index < 60; index += 1) streams[index % 2]?.append(Math.floor(index / 7), String(index));
    for (const direction of ['forward', 'backward'] as const) {
      const read: string[] = [];
      let place = direction === 'forward' ? beginning : end;
      for (;;) {
        const range = direction === 'forward' ? { after: place, before: end } : { after: beginning, before: place };
        let taken = 0;
        for await (const event of store.events({ accountId, logGroup, direction, isWanted: () => true, ...range })) {
          read.push(event.message);
          place = event;
          taken += 1;
          if (taken === 4) break;
        }
        if (taken === 0) break;
      }
      const all = Array.from({ length: 60 }, (_, index) => String(index));
      expect(read).toEqual(direction === 'forward' ? all : all.toReversed());
    }
  });

  it('finds any place of a large file, lines longer than a block too', async () => {
    const store = open();
    const logGroup = 'large';
    const stream = store.openStream({ accountId, logGroup, logStream: 's' });
    const total = 3_000;
    const textOf = (index: number) => `${index} ${'x'.repeat(index % 500 === 0 ? 80_000 : 60)}`;
    for (let index = 0; index < total; index += 1) stream.append(index * 10, textOf(index));
    await store.flush();
    for (const from of [0, 1, 7, 499, 500, 501, 1_500, 2_222, 2_999, 3_000]) {
      const forward = store.events({
        accountId,
        logGroup,
        direction: 'forward',
        after: { timestamp: from * 10, sequence: -1 },
        before: end,
        isWanted: () => true,
      });
      const first = await forward.next();
      expect(first.value?.message).toBe(from < total ? textOf(from) : undefined);
      await forward.return(undefined);
      const before = { timestamp: from * 10, sequence: -1 };
      const backward = store.events({ accountId, logGroup, direction: 'backward', after: beginning, before, isWanted: () => true });
      expect((await backward.next()).value?.message).toBe(from > 0 ? textOf(from - 1) : undefined);
      await backward.return(undefined);
    }
  });

  it('is read on while the files it stands in are removed', async () => {
    const store = open(100);
    const logGroup = 'removed';
    const stream = store.openStream({ accountId, logGroup, logStream: 's' });
    for (let index = 0; index < 20; index += 1) stream.append(index, `event ${index} ${'x'.repeat(60)}`);
    await store.flush();
    const reading = store.events({ accountId, logGroup, direction: 'forward', after: beginning, before: end, isWanted: () => true });
    await reading.next();
    expect(await store.deleteGroup({ accountId, logGroup })).toBe(true);
    let rest = 0;
    for await (const _event of reading) rest += 1;
    expect(rest).toBeLessThan(20);
    expect(await query(store, { logGroup })).toEqual([]);
  });
});

describe('log groups and streams', () => {
  it('come to be by writing, and are found again after a restart with their times, retention and tags', async () => {
    const before = open();
    const key = { accountId, logGroup: '/aws/lambda/'.concat('n'.repeat(400)) };
    before.openStream({ ...key, logStream: 'first' }).append(5, 'one');
    await before.flush();
    await before.changeGroup(key, (group) => ({ ...group, retentionInDays: 30_000, tags: { team: 'blue' } }));
    expect(await before.createStream(key, 'empty')).toBe(true);
    expect(await before.createStream(key, 'empty')).toBe(false);
    await before.putEvents(key, 'second', [
      { timestamp: 9, message: 'three' },
      { timestamp: 7, message: 'two' },
    ]);
    await before.close();
    const after = open();
    expect(await after.listGroups(accountId)).toEqual([{ name: key.logGroup, createdAt: now, retentionInDays: 30_000, tags: { team: 'blue' } }]);
    const streams = (await after.listStreams(key))?.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    expect(streams).toEqual([
      { name: 'empty', createdAt: now },
      { name: 'first', createdAt: now, firstTimestamp: 5, lastTimestamp: 5, lastIngestionTime: 5 },
      { name: 'second', createdAt: now, firstTimestamp: 7, lastTimestamp: 9, lastIngestionTime: now },
    ]);
    expect(await query(after, { logGroup: key.logGroup })).toEqual(['one', 'two', 'three']);
  });

  it('are made once, and are gone with all they held when they are deleted', async () => {
    const store = open();
    const key = { accountId, logGroup: 'made' };
    expect(await store.createStream(key, 's')).toBeUndefined();
    expect(await store.listStreams(key)).toBeUndefined();
    expect(await store.createGroup(key, { tags: {} })).toBe(true);
    expect(await store.createGroup(key, { tags: {} })).toBe(false);
    await store.putEvents(key, 's', [{ timestamp: 1, message: 'kept' }]);
    await store.putEvents(key, 't', [{ timestamp: 2, message: 'of another' }]);
    expect(await store.deleteStream(key, 's')).toBe(true);
    expect(await store.deleteStream(key, 's')).toBe(false);
    expect(await query(store, key)).toEqual(['of another']);
    expect(await store.deleteGroup(key)).toBe(true);
    expect(await store.deleteGroup(key)).toBe(false);
    expect(await store.findGroup(key)).toBeUndefined();
    expect(readdirSync(join(directory, accountId))).toEqual([]);
  });

  it('go on when they are deleted under a stream that is written', async () => {
    const store = open();
    const key = { accountId, logGroup: 'again' };
    const stream = store.openStream({ ...key, logStream: 's' });
    stream.append(1, 'early');
    expect(await store.deleteGroup({ ...key })).toBe(true);
    stream.append(2, 'late');
    expect(await query(store, key)).toEqual(['late']);
    expect((await store.listGroups(accountId)).map(({ name }) => name)).toEqual(['again']);
  });

  it('tell those who follow what is written, and nobody else’s', async () => {
    const store = open();
    const heard: string[] = [];
    using _following = store.follow({ accountId, logGroup: 'followed' }, (events) => heard.push(...events.map(({ message }) => message)));
    store.openStream({ accountId, logGroup: 'followed', logStream: 's' }).append(1, 'mine');
    store.openStream({ accountId: '210987654321', logGroup: 'followed', logStream: 's' }).append(1, 'not mine');
    await store.flush();
    expect(heard).toEqual(['mine']);
    expect((await store.listGroups('210987654321')).map(({ name }) => name)).toEqual(['followed']);
    expect(await query(store, { logGroup: 'followed' })).toEqual(['mine']);
  });
});
