import { describe, expect, it } from 'vitest';
import { MemoryTrend } from './memory-trend.ts';
import { Soak, type SoakResult } from './soak.ts';
import { reportSoak, soakFaults } from './soak-report.ts';

const seconds = 60;
/** Another one by hand: SOAK_SEED. */
const seed = Number(process.env['SOAK_SEED'] ?? 20_261_125);

it(`${seconds} s of mixed load, with environments and once the daemon killed: every answer is right or honest, and nothing leaks`, {
  timeout: 6 * seconds * 1_000,
}, async () => {
  const result = await new Soak({ seconds, seed }).run();
  console.log([`SOAK_SEED=${seed}`, ...reportSoak(result)].join('\n'));
  expect(soakFaults(result)).toEqual([]);
});

describe('a soak has a fault', () => {
  const footprint = {
    daemonDescriptors: 60,
    agentDescriptors: 50,
    mounts: 18,
    controlGroups: 28,
    networkNamespaces: 6,
    loopDevices: 0,
    processes: 2,
    links: 7,
  };
  const trend = (mibPerMinute: number): MemoryTrend => {
    const memory = new MemoryTrend();
    for (let second = 0; second < 360; second += 1) memory.add(second * 1_000, 150 + (second % 7) + (mibPerMinute * second) / 60);
    return memory;
  };
  const well: SoakResult = {
    violations: [],
    counts: new Map([['right: echo', 1_000]]),
    kills: 20,
    processes: 100,
    memory: { daemon: trend(0), agent: trend(0) },
    before: footprint,
    after: footprint,
    leftOnHost: '',
  };

  it('when nothing went wrong: none', () => expect(soakFaults(well)).toEqual([]));

  it.each([
    ['a wrong answer', { violations: ['another account’s code'] }],
    ['memory that grows', { memory: { daemon: trend(10), agent: trend(0) } }],
    ['a mount that stays', { after: { ...footprint, mounts: 19 } }],
    ['a network namespace that stays', { after: { ...footprint, networkNamespaces: 7 } }],
    ['a control group that stays', { after: { ...footprint, controlGroups: 29 } }],
    ['a loop device that stays', { after: { ...footprint, loopDevices: 1 } }],
    ['descriptors that add up', { after: { ...footprint, daemonDescriptors: 80 } }],
    ['something left on the host', { leftOnHost: '{"processes":["1"]}' }],
    ['next to no answers', { counts: new Map([['right: echo', 10]]) }],
  ])('for %s', (_what, change) => expect(soakFaults({ ...well, ...change })).toHaveLength(1));
});
