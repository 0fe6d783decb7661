import type { Answer } from './rule.ts';
import { systemCallTable } from './system-call-table.ts';

/** What the table says to one call. Arguments that are not given are 0. */
export function answerTo(name: string, args: readonly bigint[] = []): Answer {
  const rule = systemCallTable.find(({ names, when }) => {
    if (!names.includes(name)) return false;
    return (
      when === undefined || when.some((tests) => tests.every(({ index, mask, value }) => ((args[index] ?? 0n) & BigInt(mask)) === BigInt(value)))
    );
  });
  return rule?.answer ?? 'ENOSYS';
}
