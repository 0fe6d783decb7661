import type { Answer, ArgumentTest } from './rule.ts';
import { systemCallTable } from './system-call-table.ts';

/** What the table says to one call. Arguments that are not given are 0. */
export function answerTo(name: string, args: readonly bigint[] = []): Answer {
  const rule = systemCallTable.find(({ names, when }) => {
    if (!names.includes(name)) return false;
    return when === undefined || when.some((tests) => tests.every((test) => holds(test, args[test.index] ?? 0n)));
  });
  return rule?.answer ?? 'ENOSYS';
}

function holds({ mask, value, whole }: ArgumentTest, argument: bigint): boolean {
  return (argument & BigInt(mask)) === BigInt(value) && (whole !== true || argument >> 32n === 0n);
}
