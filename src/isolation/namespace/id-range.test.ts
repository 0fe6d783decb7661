import { mkdtempSync, rmSync } from 'node:fs';
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

it('IdRanges gives a released range out again, and an ended instance only its own', () => {
  const path = directory();
  const [one, two] = [new IdRanges(path, 'one'), new IdRanges(path, 'two')];
  const first = one.take();
  const other = two.take();
  one.release(first.index);
  expect(one.take().index).toBe(first.index);
  expect(new IdRanges(path, 'one').releaseAll()).toBe(1);
  expect(new IdRanges(path, 'three').take().index).not.toBe(other.index);
});
