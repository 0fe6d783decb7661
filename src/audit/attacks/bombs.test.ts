import { describe, expect, it } from 'vitest';
import type { Attempt, NeighbourTiming } from '../attack.ts';
import type { KernelReading } from '../kernel-view.ts';
import { judgeBomb } from './bombs.ts';

const quiet: KernelReading = { pid: 1, initPid: 2, status: {}, namespaces: {}, mounts: [], limits: '', routes: '', counters: {} };
const fine: NeighbourTiming = { invocations: 10, wrong: 0, p50Ms: 2, p99Ms: 9 };
const counted = () => ({ stoppedBy: 'process limit', evidence: 'pidsMaxHits +9' });
const bomb = (goal: boolean, neighbour: NeighbourTiming): Attempt => ({
  inside: {
    steps: [{ what: 'fork without end', number: -1, arch: 0, arguments: [], result: 1_300, errno: 11, goal }],
    facts: {},
    ended: { status: 0, signal: 0, timedOut: false },
  },
  outside: { before: quiet, after: quiet, neighbour },
  filters: [],
});

describe('judgeBomb()', () => {
  it('is blocked when the kernel counted why and the neighbour was answered rightly', () => {
    const verdict = judgeBomb(bomb(false, fine), counted);
    expect(verdict).toEqual({
      blocked: true,
      stoppedBy: 'process limit',
      evidence: 'pidsMaxHits +9; neighbour: 10 of 10 answers right, p50 2.0 ms, p99 9.0 ms',
    });
  });

  it.each([
    ['the bomb got what it wanted', bomb(true, fine), counted],
    ['the neighbour got a wrong answer', bomb(false, { ...fine, wrong: 1 }), counted],
    ['the kernel counted nothing', bomb(false, fine), () => undefined],
  ])('is not blocked when %s', (_why, attempt, count) => {
    expect(judgeBomb(attempt, count)).toMatchObject({ blocked: false, stoppedBy: 'nothing' });
  });
});
