import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogLimits } from './log-group.ts';
import { LogStore } from './log-store.ts';

const [loud, quiet] = ['111111111111', '222222222222'] as const;
const dayMs = 86_400_000;
const start = 1_700_000_000_000;
const eventBytes = 1_000;

let directory: string;
let now = start;
const problems: unknown[] = [];
const opened: LogStore[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'log-limits-'));
  now = start;
  problems.length = 0;
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  rmSync(directory, { recursive: true, force: true });
  expect(problems).toEqual([]);
});

function open(limits: Partial<LogLimits> = {}): LogStore {
  const all = { maxFileBytes: 20_000, maxGroupBytes: 100_000_000, maxAccountBytes: 100_000_000, maxHostBytes: 100_000_000, ...limits };
  const store = new LogStore({ directory, limits: all, clock: () => now, onProblem: (_problem, cause) => void problems.push(cause) });
  opened.push(store);
  return store;
}

/** Kilobytes of events, one for each millisecond. */
async function write(store: LogStore, { accountId, logGroup, kilobytes }: { accountId: string; logGroup: string; kilobytes: number }) {
  const stream = store.openStream({ accountId, logGroup, logStream: 's' });
  for (let index = 0; index < kilobytes; index += 1) {
    stream.append(now, 'x'.repeat(eventBytes));
    now += 1;
    if (index % 10 === 9) await store.flush();
  }
  stream.close();
  await store.flush();
}

function bytesUnder(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

describe('the limits of log files', () => {
  it('hold for one group: its oldest events go, its newest stay', async () => {
    const store = open({ maxGroupBytes: 100_000 });
    await write(store, { accountId: loud, logGroup: 'a', kilobytes: 400 });
    expect(bytesUnder(join(directory, loud))).toBeLessThan(125_000);
    const { events } = await store.read({ accountId: loud, logGroup: 'a' });
    expect(events.at(-1)?.timestamp).toBe(now - 1);
    expect(events.length).toBeGreaterThan(60);
    expect(events[0]?.timestamp).toBe(now - events.length);
  });

  it('hold for an account: its largest group gives', async () => {
    const store = open({ maxAccountBytes: 200_000 });
    await write(store, { accountId: loud, logGroup: 'small', kilobytes: 40 });
    for (const logGroup of ['flood', 'flood', 'flood']) await write(store, { accountId: loud, logGroup, kilobytes: 150 });
    expect(bytesUnder(join(directory, loud))).toBeLessThan(225_000);
    expect((await store.read({ accountId: loud, logGroup: 'small' })).events).toHaveLength(40);
  });

  it('hold for the host: the largest account gives, not one that writes little', async () => {
    const store = open({ maxHostBytes: 300_000 });
    await write(store, { accountId: quiet, logGroup: 'a', kilobytes: 60 });
    for (const logGroup of ['a', 'b', 'c', 'd']) await write(store, { accountId: loud, logGroup, kilobytes: 150 });
    expect(bytesUnder(directory)).toBeLessThan(325_000);
    expect((await store.read({ accountId: quiet, logGroup: 'a' })).events).toHaveLength(60);
  });

  it('count many tiny streams for what they take', async () => {
    const store = open({ maxGroupBytes: 320_000 });
    for (let index = 0; index < 100; index += 1) {
      const stream = store.openStream({ accountId: loud, logGroup: 'a', logStream: `s${index}` });
      stream.append(now++, 'x');
      stream.close();
      await store.flush();
    }
    const [group = ''] = readdirSync(join(directory, loud));
    expect(readdirSync(join(directory, loud, group)).length).toBeLessThanOrEqual(21);
    expect((await store.read({ accountId: loud, logGroup: 'a' })).events.at(-1)?.timestamp).toBe(now - 1);
  });

  it('hold after a restart for what was there before, though nobody asks for it', async () => {
    const before = open();
    for (const logGroup of ['a', 'b']) await write(before, { accountId: loud, logGroup, kilobytes: 200 });
    await before.close();
    const after = open({ maxHostBytes: 150_000 });
    await after.start();
    await after.flush();
    expect(bytesUnder(directory)).toBeLessThan(155_000);
  });
});

describe('retention', () => {
  it('hides events once they are too old, and removes their files, at a restart too', async () => {
    const store = open();
    const key = { accountId: loud, logGroup: 'a' };
    await write(store, { ...key, kilobytes: 50 });
    await store.changeGroup(key, (group) => ({ ...group, retentionInDays: 3 }));
    now = start + 2 * dayMs;
    await write(store, { ...key, kilobytes: 5 });
    await store.expire();
    expect((await store.read(key)).events).toHaveLength(55);
    now = start + 3 * dayMs + 1_000;
    const everything = {
      direction: 'forward',
      after: { timestamp: 0, sequence: 0 },
      before: { timestamp: now, sequence: 0 },
      isWanted: () => true,
    } as const;
    let seen = 0;
    for await (const _event of store.events({ ...key, ...everything })) seen += 1;
    expect(seen).toBe(5);
    expect(bytesUnder(directory)).toBeGreaterThan(50_000);
    await store.close();
    await open().start();
    expect(bytesUnder(directory)).toBeLessThan(10_000);
    expect((await open().read(key)).events).toHaveLength(5);
  });

  it('applies at once when it is set', async () => {
    const store = open();
    const key = { accountId: loud, logGroup: 'a' };
    await write(store, { ...key, kilobytes: 50 });
    now = start + 10 * dayMs;
    await store.changeGroup(key, (group) => ({ ...group, retentionInDays: 1 }));
    expect((await store.read(key)).events).toEqual([]);
    expect(await store.findGroup(key)).toMatchObject({ retentionInDays: 1 });
  });
});
