import { describe, expect, it } from 'vitest';
import { expectedMiB, MemoryBudget } from './memory-budget.ts';

const mebibyte = 1_048_576;

/** A host of 10,240 MiB whose available memory the test sets. */
function host(reserveMiB = 1_024) {
  const memory = { availableMiB: 9_000 };
  const budget = new MemoryBudget({
    reserveMiB,
    readMemoryInfo: () => `MemTotal:       ${10_240 * 1_024} kB\nMemFree:        1 kB\nMemAvailable:   ${memory.availableMiB * 1_024} kB\n`,
  });
  return { budget, memory };
}

/** An environment of which the test says what it uses. */
const environment = (sizeMiB: number, usedMiB = 0) => ({
  sizeMiB,
  usedMiB,
  usageBytes() {
    return this.usedMiB * mebibyte;
  },
});
const take = (budget: MemoryBudget, one: ReturnType<typeof environment>) => budget.take({ sizeMiB: one.sizeMiB, usageBytes: () => one.usageBytes() });
const refused = expect.objectContaining({ code: 'NoCapacity' });

describe('expectedMiB()', () => {
  it.each([
    [128, 64],
    [1_024, 256],
    [32, 32],
  ])('of %i MiB is %i', (sizeMiB, expected) => expect(expectedMiB(sizeMiB)).toBe(expected));
});

describe('MemoryBudget', () => {
  it('admits by what is used, not by the sum of the limits', () => {
    const { budget } = host();
    // 9,000 available, 1,024 kept: each new one is expected to take 512 of its 2,048.
    for (let count = 0; count < 15; count += 1) take(budget, environment(2_048));
    expect(budget.numbers()).toMatchObject({ promisedMiB: 15 * 2_048, growthMiB: 15 * 512 });
    expect(budget.numbers().memoryOvercommit).toBeCloseTo((15 * 2_048) / 9_216, 2);
    expect(() => take(budget, environment(2_048))).toThrow(refused);
  });

  it('counts what one uses beyond what was expected of it, once', () => {
    const { budget, memory } = host();
    const greedy = environment(8_192);
    take(budget, greedy);
    greedy.usedMiB = 7_500;
    memory.availableMiB = 1_500;
    expect(budget.numbers()).toMatchObject({ usedMiB: 7_500, growthMiB: 0 });
    expect(() => take(budget, environment(2_048))).toThrow(refused);
    take(budget, environment(128));
  });

  it('admits none below the reserve, and says that it is', () => {
    const { budget, memory } = host();
    expect(budget.isShort).toBe(false);
    memory.availableMiB = 1_000;
    expect(budget.isShort).toBe(true);
    expect(() => take(budget, environment(128))).toThrow(refused);
  });

  it('never admits one that may use more than the host has for all', () => {
    const { budget, memory } = host();
    memory.availableMiB = 10_000;
    expect(() => take(budget, environment(9_217))).toThrow(expect.objectContaining({ code: 'HostUnfit' }));
    take(budget, environment(9_216));
  });

  it('gives back what one was counted with, once', () => {
    const { budget } = host();
    const taken = take(budget, environment(4_096));
    taken[Symbol.dispose]();
    taken[Symbol.dispose]();
    expect(budget.numbers()).toMatchObject({ promisedMiB: 0, growthMiB: 0, memoryOvercommit: 0 });
  });
});
