import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { IdRanges } from './id-range.ts';

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'cloister-ids-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

it('IdRanges never gives two instances overlapping ranges', () => {
  const path = directory();
  const [one, two] = [new IdRanges(path, 'one'), new IdRanges(path, 'two')];
  const taken = [one.take(), two.take(), one.take(), two.take()].toSorted((a, b) => a.firstId - b.firstId);
  taken.slice(1).forEach((range, index) => {
    const before = taken[index];
    expect(range.firstId).toBeGreaterThanOrEqual((before?.firstId ?? 0) + (before?.count ?? 0));
  });
});

it('IdRanges gives back to an ended instance only its own, and the note of the last one stays', () => {
  const path = directory();
  const [one, two] = [new IdRanges(path, 'one'), new IdRanges(path, 'two')];
  const [first, other] = [one.take(), two.take()];
  expect(new IdRanges(path, 'one').releaseAll()).toBe(1);
  expect([first.index, other.index]).not.toContain(new IdRanges(path, 'three').take().index);
});

it('IdRanges gives a released range out again after all others, by whatever instance', () => {
  const path = directory();
  const ranges = new IdRanges(path, 'one', () => new Set());
  const first = ranges.take();
  ranges.release(first.index);
  const next = new IdRanges(path, 'two', () => new Set());
  for (let count = 0; count < 50; count += 1) {
    const { index } = next.take();
    expect(index).not.toBe(first.index);
    next.release(index);
  }
  writeFileSync(join(path, 'last'), '16383');
  expect(next.take().index).toBe(first.index);
});

it('IdRanges skips a range while a process or a key has any of its ids', () => {
  const path = directory();
  let held: number[] = [];
  const ranges = new IdRanges(path, 'one', () => new Set(held));
  const [first, second] = [ranges.take(), ranges.take()];
  ranges.release(first.index);
  ranges.release(second.index);
  writeFileSync(join(path, 'last'), '16383');
  held = [first.firstId + 993, 0, 1_000];
  expect(ranges.take().index).toBe(second.index);
  ranges.release(second.index);
  writeFileSync(join(path, 'last'), '16383');
  held = [];
  expect(ranges.take().index).toBe(first.index);
});
