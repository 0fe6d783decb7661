import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { allocatedMiB, DiskBudget } from './disk-budget.ts';

let directory: string;
let freeMiB: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloister-disk-'));
  const { bavail, bsize } = statfsSync(directory);
  freeMiB = Math.floor((bavail * bsize) / 1_048_576);
});

afterEach(() => rmSync(directory, { recursive: true }));

it('take() leaves the reserve alone: a volume that would need it is refused with NoCapacity', () => {
  // Others may write to the disk meanwhile: the reserve is set a quarter of the free space below it.
  const budget = new DiskBudget({ directory, reserveMiB: Math.floor(freeMiB * 0.75), maxOvercommit: 100 });
  expect(() => budget.take(Math.floor(freeMiB * 0.5))).toThrow(expect.objectContaining({ code: 'NoCapacity' }));
  using _ = budget.take(Math.floor(freeMiB * 0.1));
  expect(budget.numbers().promisedMiB).toBe(Math.floor(freeMiB * 0.1));
});

it('take() promises the disk no more often than it may, and again after a disposal', () => {
  const budget = new DiskBudget({ directory, reserveMiB: 0, maxOvercommit: 1.5 });
  const size = Math.floor(freeMiB * 0.6);
  const first = budget.take(size);
  const second = budget.take(size);
  expect(budget.numbers().diskOvercommit).toBeCloseTo(1.2, 1);
  expect(() => budget.take(size)).toThrow(/promised/);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  budget.take(size)[Symbol.dispose]();
  second[Symbol.dispose]();
  expect(budget.numbers()).toMatchObject({ promisedMiB: 0, diskOvercommit: 0 });
});

it('allocatedMiB() is what a sparse file holds, and 0 of one that is gone', () => {
  const path = join(directory, 'sparse');
  writeFileSync(path, Buffer.alloc(1_048_576, 1));
  truncateSync(path, 100 * 1_048_576);
  expect(allocatedMiB(path)).toBeCloseTo(1, 1);
  expect(allocatedMiB(join(directory, 'gone'))).toBe(0);
});
