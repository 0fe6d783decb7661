import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogLimits } from './log-group.ts';
import { LogStore } from './log-store.ts';

const accountId = '123456789012';
const logGroup = '/aws/lambda/thumbnail';
const group = { accountId, logGroup };

let directory: string;
const problems: unknown[] = [];
const opened: LogStore[] = [];
const now = 1_700_000_000_000;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'log-store-'));
  problems.length = 0;
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(limits?: Partial<LogLimits>): LogStore {
  const all = { maxFileBytes: 5_000_000, maxGroupBytes: 64_000_000, maxAccountBytes: 512_000_000, maxHostBytes: 4_000_000_000, ...limits };
  const store = new LogStore({ directory, limits: all, clock: () => now, onProblem: (_problem, cause) => void problems.push(cause) });
  opened.push(store);
  return store;
}

const messages = async (store: LogStore, options: { afterSequence?: number; limit?: number } = {}): Promise<string[]> =>
  (await store.read({ ...group, ...options })).events.map((event) => event.message);

/** The group's files in the order in which they were begun. */
function files(): string[] {
  const path = join(directory, accountId, readdirSync(join(directory, accountId))[0] ?? '');
  const begun = (name: string): number => Number(name.split('.').at(-2));
  return readdirSync(path)
    .filter((name) => name.endsWith('.log'))
    .sort((one, other) => begun(one) - begun(other))
    .map((name) => join(path, name));
}

describe('LogStore', () => {
  it('reads the events of all streams in the order they were written', async () => {
    const store = open();
    const [one, two] = ['2026/01/02/[$LATEST]aa', '2026/01/02/[7]bb'].map((logStream) => store.openStream({ ...group, logStream }));
    one?.append(1, 'first\n');
    two?.append(2, 'second\n');
    one?.append(3, 'third\n');
    const { events } = await store.read(group);
    expect(events).toEqual([
      { timestamp: 1, message: 'first\n', logStream: '2026/01/02/[$LATEST]aa' },
      { timestamp: 2, message: 'second\n', logStream: '2026/01/02/[7]bb' },
      { timestamp: 3, message: 'third\n', logStream: '2026/01/02/[$LATEST]aa' },
    ]);
  });

  it('gives what comes after a sequence, up to a limit, so that pages join without gap or overlap', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(2), { maxLength: 60 }), fc.integer({ min: 1, max: 10 }), async (choices, limit) => {
        const store = open({ maxFileBytes: 120 });
        const name = `/aws/lambda/f${Math.random()}`;
        const streams = [0, 1, 2].map((number) => store.openStream({ accountId, logGroup: name, logStream: `s${number}` }));
        const written: string[] = [];
        for (const [index, choice] of choices.entries()) {
          streams[choice]?.append(index, `event ${index}\n`);
          written.push(`event ${index}\n`);
          if (index % 7 === 0) await store.flush();
        }
        const read: string[] = [];
        let afterSequence = 0;
        for (;;) {
          const page = await store.read({ accountId, logGroup: name, afterSequence, limit });
          expect(page.events.length).toBeLessThanOrEqual(limit);
          read.push(...page.events.map((event) => event.message));
          if (page.events.length === 0) break;
          expect(page.nextSequence).toBeGreaterThan(afterSequence);
          afterSequence = page.nextSequence;
        }
        expect(read).toEqual(written);
      }),
      { numRuns: 25 },
    );
  });

  it('keeps any text as it was', async () => {
    const store = open();
    const stream = store.openStream({ ...group, logStream: 's' });
    const texts = ['tab\tand "quotes" \\ \n', 'Zoë 🦊\r\n', '\0\u001b[31m\n', '\ud800 alone\n', ''];
    for (const text of texts) stream.append(0, text);
    expect(await messages(store)).toEqual(texts);
  });

  it('goes on with the sequence after a restart', async () => {
    const before = open();
    before.openStream({ ...group, logStream: 'a' }).append(1, 'before\n');
    await before.close();
    const { nextSequence } = await before.read(group);
    const after = open();
    after.openStream({ ...group, logStream: 'b' }).append(2, 'after\n');
    expect(await messages(after)).toEqual(['before\n', 'after\n']);
    expect(await messages(after, { afterSequence: nextSequence })).toEqual(['after\n']);
  });

  it('after a crash in the middle of a write gives every whole event and none that is torn', async () => {
    const before = open();
    const stream = before.openStream({ ...group, logStream: 'a' });
    const all = Array.from({ length: 20 }, (_, index) => `event ${index} 🦊\n`);
    for (const message of all) stream.append(1, message);
    await before.close();
    const [path = ''] = files();
    for (let size = statSync(path).size; size > 0; size -= 1) {
      truncateSync(path, size);
      const read = await messages(open());
      expect(read).toEqual(all.slice(0, read.length));
      if (read.length === 0) break;
    }
  });

  it('leaves out a torn record that others follow', async () => {
    const before = open();
    before.openStream({ ...group, logStream: 'a' }).append(1, 'whole\n');
    await before.close();
    const [path = ''] = files();
    appendFileSync(path, '[2,1,"tor\n[3,1,"whole again"]\nnonsense\n');
    expect(await messages(open())).toEqual(['whole\n', 'whole again']);
  });

  it('begins a new file at the size limit, and the oldest go when the group is over its own', async () => {
    const store = open({ maxFileBytes: 1_000, maxGroupBytes: 40_000 });
    const stream = store.openStream({ ...group, logStream: 'a' });
    for (let index = 0; index < 50; index += 1) {
      stream.append(index, `event ${String(index).padStart(3, '0')} ${'x'.repeat(100)}\n`);
      await store.flush();
    }
    const kept = await messages(store);
    expect(files()).toHaveLength(2);
    for (const path of files()) expect(statSync(path).size).toBeLessThan(1_200);
    expect(kept.at(-1)).toContain('event 049');
    expect(kept.length).toBeLessThan(20);
  });

  it('removes the oldest streams when the group is over its limit', async () => {
    const store = open({ maxGroupBytes: 2_000 });
    for (let index = 0; index < 30; index += 1) {
      const stream = store.openStream({ ...group, logStream: `stream ${index}` });
      stream.append(index, `${index} ${'x'.repeat(200)}\n`);
      stream.close();
      await store.flush();
    }
    const total = files().reduce((sum, path) => sum + statSync(path).size, 0);
    expect(total).toBeLessThanOrEqual(2_000);
    expect((await messages(store)).at(-1)).toMatch(/^29 /);
    expect(problems).toEqual([]);
  });

  it('goes on writing a stream whose file the group’s limit removed', async () => {
    const store = open({ maxGroupBytes: 500 });
    const quiet = store.openStream({ ...group, logStream: 'quiet' });
    quiet.append(0, 'early\n');
    await store.flush();
    const loud = store.openStream({ ...group, logStream: 'loud' });
    loud.append(1, `${'x'.repeat(600)}\n`);
    await store.flush();
    quiet.append(2, 'late\n');
    expect((await messages(store)).at(-1)).toBe('late\n');
  });

  it('takes appends after close() of the stream', async () => {
    const store = open();
    const stream = store.openStream({ ...group, logStream: 'a' });
    stream.append(0, 'one\n');
    stream.close();
    await store.flush();
    stream.append(1, 'two\n');
    expect(await messages(store)).toEqual(['one\n', 'two\n']);
  });

  it('is congested above 4 MiB of unwritten text, until it is written', async () => {
    const store = open();
    const stream = store.openStream({ ...group, logStream: 'a' });
    stream.append(0, 'x'.repeat(3 * 1024 * 1024));
    expect(stream.congestion()).toBeUndefined();
    stream.append(0, 'x'.repeat(2 * 1024 * 1024));
    const congestion = stream.congestion();
    expect(congestion).toBeInstanceOf(Promise);
    await congestion;
    expect(stream.congestion()).toBeUndefined();
  });

  it('keeps accounts and groups apart, and no name leads out of its directory', async () => {
    const store = open();
    const names = ['..', '.', '../../etc', 'a/b', 'a%2Fb', 'n'.repeat(500)];
    for (const [index, name] of names.entries()) store.openStream({ accountId, logGroup: name, logStream: 's' }).append(0, `${index}`);
    await store.flush();
    expect(readdirSync(directory)).toEqual([accountId]);
    expect(readdirSync(join(directory, accountId))).toHaveLength(names.length);
    for (const [index, name] of names.entries()) {
      expect((await store.read({ accountId, logGroup: name })).events.map((event) => event.message)).toEqual([`${index}`]);
      expect((await store.read({ accountId: '210987654321', logGroup: name })).events).toEqual([]);
    }
    expect(() => store.openStream({ accountId: '../x', logGroup: 'a', logStream: 's' })).toThrow();
  });

  it('a group that never was has no events and leaves no trace', async () => {
    expect(await open().read({ ...group, afterSequence: 5 })).toEqual({ events: [], nextSequence: 5 });
    expect(readdirSync(directory)).toEqual([]);
  });
});
