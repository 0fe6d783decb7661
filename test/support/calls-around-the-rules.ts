import { systemCallTable } from '../../src/isolation/seccomp/system-call-table.ts';

/** Arguments of a call on and around every value that a rule of it looks at, in all combinations. */
export function callsAroundTheRules(name: string): bigint[][] {
  const tests = systemCallTable.filter(({ names }) => names.includes(name)).flatMap(({ when = [] }) => when.flat());
  const used = [...new Set(tests.map(({ index }) => index))];
  const valuesOf = (index: number) => {
    const own = tests
      .filter((test) => test.index === index)
      .flatMap(({ value, mask }) => [BigInt(value), BigInt(value) + 1n, BigInt(value) ^ BigInt(mask)]);
    return [...new Set([0n, 1n, 0xffff_ffffn, (1n << 64n) - 1n, ...own, ...own.map((value) => value | (1n << 32n))])];
  };
  return used.reduce<bigint[][]>(
    (all, index) => all.flatMap((args) => valuesOf(index).map((value) => args.with(index, value))),
    [Array.from({ length: 6 }, () => 0n)],
  );
}
