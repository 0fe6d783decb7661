import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DiskWatch, type WatchedVolume } from './disk-watch.ts';

const reserveMiB = 100;
let freeMiB: number;
let held: Record<string, number>;
let watch: DiskWatch;
let ended: string[];
let trimmed: string[];
const watched = new Map<string, Disposable>();

beforeEach(() => {
  vi.useFakeTimers();
  [freeMiB, held, ended, trimmed] = [10_000, {}, [], []];
  watched.clear();
  watch = new DiskWatch({
    budget: { freeMiB: () => freeMiB, reserveMiB },
    onProblem: (error) => {
      throw error;
    },
    allocatedMiB: (path) => held[path] ?? 0,
  });
});

afterEach(() => vi.useRealTimers());

function add(imagePath: string, heldMiB: number): void {
  held[imagePath] = heldMiB;
  const volume: WatchedVolume = {
    imagePath,
    trim: () => void trimmed.push(imagePath),
    end: async () => {
      ended.push(imagePath);
      freeMiB += held[imagePath] ?? 0;
      watched.get(imagePath)?.[Symbol.dispose]();
    },
  };
  watched.set(imagePath, watch.add(volume));
}

it('looks the sooner the less is free, and not at all without a volume', async () => {
  add('a', 10);
  await vi.advanceTimersByTimeAsync(2_000);
  freeMiB = 50;
  await vi.advanceTimersByTimeAsync(400);
  expect(trimmed).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(trimmed).toEqual(['a']);
  watched.get('a')?.[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
});

it('ends the largest of those that grow, one after another, until the reserve is free again', async () => {
  freeMiB = 120;
  for (const [path, mib] of [
    ['quiet', 400],
    ['small', 20],
    ['large', 60],
    ['larger', 70],
  ] as const)
    add(path, mib);
  await vi.advanceTimersByTimeAsync(60);
  freeMiB = 60;
  for (const path of ['small', 'large', 'larger']) held[path] = (held[path] ?? 0) + 5;
  await vi.advanceTimersByTimeAsync(60);
  expect(ended).toEqual(['larger']);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ended).toEqual(['larger']);
});

it('ends nobody who does not grow while half of the reserve is left, then whoever holds most', async () => {
  freeMiB = 120;
  add('quiet', 400);
  await vi.advanceTimersByTimeAsync(60);
  freeMiB = 60;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ended).toEqual([]);
  freeMiB = 40;
  await vi.advanceTimersByTimeAsync(60);
  expect(ended).toEqual(['quiet']);
});

it('ends nobody when giving back what is unused is enough', async () => {
  freeMiB = 120;
  add('a', 60);
  await vi.advanceTimersByTimeAsync(60);
  freeMiB = 60;
  held['a'] = 80;
  const volume = watched.get('a');
  watch.trim = () => {
    freeMiB = 130;
  };
  await vi.advanceTimersByTimeAsync(60);
  expect(ended).toEqual([]);
  volume?.[Symbol.dispose]();
});
