import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BlockGovernor } from './block-governor.ts';

let looks: number[];
let moving: boolean;
let anyMoved: () => boolean;
let governor: BlockGovernor;
const throttle = {
  look: (_nowMs: number, lookMs: number) => {
    looks.push(lookMs);
    return moving;
  },
};

beforeEach(() => {
  vi.useFakeTimers();
  looks = [];
  moving = true;
  anyMoved = () => false;
  governor = new BlockGovernor({ anyMoved: () => anyMoved(), onProblem: () => undefined, now: () => Date.now() });
});

afterEach(() => vi.useRealTimers());

const lookedIn = (ms: number) => {
  looks = [];
  vi.advanceTimersByTime(ms);
  return looks.length;
};

it('looks ten times a second while bytes move', () => {
  governor.add(throttle);
  expect(lookedIn(1_000)).toBe(10);
});

it('looks at one that is quiet only when something has moved, and then often again', () => {
  governor.add(throttle);
  moving = false;
  vi.advanceTimersByTime(2_000);
  expect(looks.at(-1)).toBe(1_000);
  expect(lookedIn(10_000)).toBe(0);
  anyMoved = () => true;
  moving = true;
  vi.advanceTimersByTime(1_100);
  expect(lookedIn(1_000)).toBe(10);
});

it('has no timer without a throttle, and while all are paused', () => {
  const governed = governor.add(throttle);
  governor.pause(throttle);
  expect(vi.getTimerCount()).toBe(0);
  governor.resume(throttle);
  expect(vi.getTimerCount()).toBe(1);
  governed[Symbol.dispose]();
  governor.resume(throttle);
  expect(vi.getTimerCount()).toBe(0);
});

it('tells of a failing look, and goes on', () => {
  const problems: unknown[] = [];
  governor = new BlockGovernor({ anyMoved: () => false, onProblem: (error) => problems.push(error) });
  governor.add({
    look: () => {
      throw new Error('gone');
    },
  });
  governor.add(throttle);
  expect(lookedIn(100)).toBe(1);
  expect(problems).toHaveLength(1);
});
