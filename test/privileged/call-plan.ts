import { constants } from 'node:os';
import { answerTo } from '../../src/isolation/seccomp/answer-to.ts';
import type { ArgumentTest } from '../../src/isolation/seccomp/rule.ts';
import { type Architecture, systemCallNumbers, systemCallTable } from '../../src/isolation/seccomp/system-call-table.ts';

/** One call that programs/call-each.c is to make. */
export interface PlannedCall {
  /** What the table calls it; undefined for numbers that it does not have. */
  readonly name?: string;
  readonly number: number;
  readonly entry: 'native' | 'int80';
  readonly args: readonly bigint[];
}

/** No descriptor, no process, no address of a program: what is let in answers EBADF, ESRCH or EFAULT and does no harm. */
const harmless = 0xffff_ffff_ffff_ff00n;
const minusOne = 0xffff_ffffn;
const upperHalf = 0xffff_ffffn << 32n;
/**
 * Where those will not do. FUTEX_WAKE, since futex itself answers ENOSYS to an unknown operation; ids of users that every user namespace maps alike (none, -1);
 * a clock that is no process's; a message queue that is not made.
 */
const tellingArguments: Readonly<Record<string, readonly bigint[]>> = {
  futex: [harmless, 1n, 1n],
  ...Object.fromEntries(['setuid', 'setgid', 'setreuid', 'setregid', 'setresuid', 'setresgid'].map((name) => [name, [minusOne, minusOne, minusOne]])),
  clock_gettime: [0n, harmless],
  clock_getres: [0n, harmless],
  msgget: [harmless, 0n],
};

/** Every number up to `last`, with harmless arguments. */
export function everyNumber(architecture: Architecture, last: number): PlannedCall[] {
  const names = new Map(Object.entries(systemCallNumbers[architecture]).map(([name, number]) => [number, name]));
  return Array.from({ length: last + 1 }, (_, number) => {
    const name = names.get(number);
    const args = tellingArguments[name ?? ''] ?? [];
    return { ...(name !== undefined && { name }), number, entry: 'native', args: Array.from({ length: 6 }, (_, index) => args[index] ?? harmless) };
  });
}

/** For each alternative of each rule with conditions: a call that meets it, one that meets it with the upper halves set, and one a bit beside it. */
export function argumentCases(architecture: Architecture): PlannedCall[] {
  const cases = systemCallTable.flatMap(({ names, when = [] }) =>
    names.flatMap((name) => {
      const number = systemCallNumbers[architecture][name];
      if (number === undefined) return [];
      return when.flatMap((tests) =>
        [
          argumentsOf(tests, ({ value }) => BigInt(value)),
          argumentsOf(tests, ({ value }) => BigInt(value) | upperHalf),
          ...tests.map((flipped) => argumentsOf(tests, (test) => BigInt(test.value) ^ (test === flipped ? lowestBit(test.mask) : 0n))),
        ].map((args): PlannedCall => ({ name, number, entry: 'native', args })),
      );
    }),
  );
  return [...new Map(cases.map((call) => [`${call.number} ${call.args}`, call])).values()];
}

/** The plan as call-each.c reads it. */
export function planText(calls: readonly PlannedCall[]): string {
  const lines = calls.map(({ entry, number, args }, id) =>
    [id, entry === 'native' ? 1 : 2, number, ...args].map((value) => value.toString(16)).join(' '),
  );
  return `${lines.join('\n')}\n`;
}

/** How each call of the plan went, in its order. */
export function parseOutcomes(text: string): string[] {
  const outcomes: string[] = [];
  for (const [, id = '', outcome = ''] of text.matchAll(/^([0-9a-f]+) ((?:returned|signal|exited) \d+)$/gm))
    outcomes[Number.parseInt(id, 16)] = outcome;
  return outcomes;
}

/** How a call goes that the table does not allow. */
export function refusal({ name, args }: PlannedCall): string | undefined {
  const answer = name === undefined ? 'ENOSYS' : answerTo(name, args);
  return answer === 'allow' ? undefined : `returned ${constants.errno[answer]}`;
}

function argumentsOf(tests: readonly ArgumentTest[], argumentOf: (test: ArgumentTest) => bigint): bigint[] {
  return Array.from({ length: 6 }, (_, index) => {
    const test = tests.find((one) => one.index === index);
    return test === undefined ? harmless : argumentOf(test);
  });
}

function lowestBit(mask: number): bigint {
  return BigInt(mask & -mask) & 0xffff_ffffn;
}
