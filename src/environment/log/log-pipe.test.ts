import { closeSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { openPipe } from '../../../test/support/kernel-objects.ts';
import { TokenBudget } from '../token-budget.ts';
import { LineSplitter, maxLineBytes } from './line-splitter.ts';
import { LogPipe } from './log-pipe.ts';
import { LogTail } from './log-tail.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function testPipe(bytesPerSecond: number, burstBytes: number, congestion: () => Promise<void> | undefined = () => undefined) {
  const clock = new FakeClock();
  const { readEnd, writeEnd } = openPipe();
  const lines: string[] = [];
  const budget = new TokenBudget({ tokensPerSecond: bytesPerSecond, burst: burstBytes, clock });
  const onLine = (line: Buffer): number => {
    lines.push(line.toString());
    return 0;
  };
  const pipe = new LogPipe({ descriptor: readEnd, budget, clock, onLine, congestion });
  return {
    pipe,
    clock,
    lines,
    write: (text: string) => writeSync(writeEnd, text),
    [Symbol.dispose]: () => {
      pipe.close();
      closeSync(writeEnd);
    },
  };
}

describe('LogPipe', () => {
  it('drain() takes what is in the pipe at that moment, an unfinished line included', async () => {
    using rig = testPipe(1_000_000, 1_000_000);
    rig.write('one\ntwo\nthr');
    await rig.pipe.drain(1_000);
    expect(rig.lines).toEqual(['one\n', 'two\n', 'thr']);
  });

  it('takes a full pipe in one drain', async () => {
    using rig = testPipe(10_000_000, 10_000_000);
    const line = `${'x'.repeat(63)}\n`;
    rig.write(line.repeat(1_024));
    await rig.pipe.drain(1_000);
    expect(rig.lines).toHaveLength(1_024);
  });

  it('stops reading over its budget and goes on when time has paid for it', async () => {
    using rig = testPipe(1_000, 10);
    rig.write(`${'a'.repeat(109)}\n`);
    await turn();
    await turn();
    expect(rig.lines).toHaveLength(1);
    rig.write('later\n');
    await turn();
    await turn();
    expect(rig.lines).toHaveLength(1);
    rig.clock.advance(1_000);
    await expect.poll(() => rig.lines).toHaveLength(2);
  });

  it('drain() of a paused pipe waits until time has paid for what is in it', async () => {
    using rig = testPipe(1_000, 1);
    rig.write('over the budget\n');
    await turn();
    await turn();
    rig.write('and more\n');
    const drained = rig.pipe.drain(1_000);
    await turn();
    await turn();
    await turn();
    expect(rig.lines).toEqual(['over the budget\n']);
    rig.clock.advance(500);
    await turn();
    rig.clock.advance(500);
    await drained;
    expect(rig.lines).toEqual(['over the budget\n', 'and more\n']);
  });

  it('drain() gives up after its time, and what is left comes later', async () => {
    using rig = testPipe(1, 1);
    rig.write('over the budget\n');
    await turn();
    await turn();
    rig.write('and more\n');
    const drained = rig.pipe.drain(1_000);
    await expect.poll(() => rig.clock.scheduled).toBe(2);
    rig.clock.advance(1_000);
    await drained;
    expect(rig.lines).toEqual(['over the budget\n']);
    rig.clock.advance(1_000_000);
    await expect.poll(() => rig.lines).toHaveLength(2);
  });

  it('counts a line as more than its bytes, so that empty lines are slowed down too', async () => {
    using rig = testPipe(1_000, 1_000);
    rig.write('\n'.repeat(100));
    await turn();
    await turn();
    expect(rig.lines).toHaveLength(100);
    rig.write('next\n');
    await turn();
    await turn();
    expect(rig.lines).toHaveLength(100);
  });

  it('waits while the log store is congested', async () => {
    const gate = Promise.withResolvers<void>();
    let isCongested = true;
    using rig = testPipe(1_000_000, 1_000_000, () => (isCongested ? gate.promise : undefined));
    rig.write('first\n');
    await turn();
    await turn();
    rig.write('second\n');
    await turn();
    await turn();
    expect(rig.lines).toEqual(['first\n']);
    isCongested = false;
    gate.resolve();
    await turn();
    rig.clock.advance(0);
    await expect.poll(() => rig.lines).toEqual(['first\n', 'second\n']);
  });
});

describe('LineSplitter', () => {
  it('loses, adds and reorders nothing, whatever the chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes.map((byte) => (byte < 60 ? 10 : byte))))), (chunks) => {
        const lines: Buffer[] = [];
        const splitter = new LineSplitter((line) => void lines.push(Buffer.from(line)));
        for (const chunk of chunks) splitter.push(chunk);
        splitter.flush();
        expect(Buffer.concat(lines)).toEqual(Buffer.concat(chunks));
        for (const line of lines.slice(0, -1)) expect(line.indexOf(10)).toBe(line.length - 1);
      }),
    );
  });

  it('cuts lines at 256 KiB', () => {
    const sizes: number[] = [];
    const splitter = new LineSplitter((line) => void sizes.push(line.length));
    const total = 2 * maxLineBytes + 5;
    for (let sent = 0; sent < total; sent += 65_536) splitter.push(Buffer.alloc(Math.min(65_536, total - sent), 'x'));
    splitter.flush();
    expect(sizes).toEqual([maxLineBytes, maxLineBytes, 5]);
  });

  it('keeps an unfinished line although the chunk’s memory is used again', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => void lines.push(line.toString()));
    const shared = Buffer.from('first ');
    splitter.push(shared);
    shared.fill('!');
    splitter.push(Buffer.from('second\n'));
    expect(lines).toEqual(['first second\n']);
  });
});

describe('LogTail', () => {
  it('is the last 4 KiB of all that was pushed', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3_000 })), (parts) => {
        const tail = new LogTail();
        for (const part of parts) tail.push(Buffer.from(part));
        const all = Buffer.from(parts.join(''));
        expect(tail.toBuffer()).toEqual(all.subarray(Math.max(0, all.length - 4_096)));
      }),
    );
  });
});
