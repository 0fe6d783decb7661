import { constants } from 'node:os';
import { CloisterError } from '../../errors.ts';
import type { Answer, ArgumentTest, Rule } from './rule.ts';
import { type Architecture, systemCallNumbers, systemCallTable } from './system-call-table.ts';

/** struct sock_filter (linux/filter.h). */
interface Instruction {
  readonly code: number;
  readonly jumpTrue?: number;
  readonly jumpFalse?: number;
  readonly operand: number;
}

// linux/bpf_common.h
const LOAD_WORD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_EQUAL = 0x35;
const RETURN = 0x06;
const maxInstructions = 4096;

// linux/seccomp.h: struct seccomp_data on a little-endian machine, and what a filter returns.
const numberOffset = 0;
const architectureOffset = 4;
const argumentOffset = (index: number) => 16 + 8 * index;
const KILL_PROCESS = 0x8000_0000;
const ALLOW = 0x7fff_0000;
const ERRNO = 0x0005_0000;

// linux/audit.h
const auditArchitectures = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const;
// asm/unistd.h: __X32_SYSCALL_BIT. The number -1 is what a skipped call has.
const x32Bit = 0x4000_0000;
const skippedNumber = 0xffff_ffff;

/** What happens from a system call number on, up to the next range. */
interface Range {
  readonly from: number;
  readonly program: readonly Instruction[];
}

/**
 * The table as a seccomp filter, struct sock_filter after struct sock_filter. Our own compiler, since what libseccomp makes of a rule depends on the
 * names that its version knows, and 2.5 let through what mixed conditions refuse.
 */
export function filterProgram(architecture: Architecture): Buffer {
  const program = [...entryCheck(architecture), ...search(ranges(architecture))];
  if (program.length > maxInstructions) throw new CloisterError('Internal', 'the filter of system calls is too long', { operation: 'seccomp' });
  const bytes = Buffer.alloc(program.length * 8);
  for (const [position, { code, jumpTrue = 0, jumpFalse = 0, operand }] of program.entries()) {
    bytes.writeUInt16LE(code, position * 8);
    bytes.writeUInt8(jumpTrue, position * 8 + 2);
    bytes.writeUInt8(jumpFalse, position * 8 + 3);
    bytes.writeUInt32LE(operand, position * 8 + 4);
  }
  return bytes;
}

/** SECURITY: numbers mean something else by another entry point (32-bit, x32): whoever comes by one ends. */
function entryCheck(architecture: Architecture): Instruction[] {
  const ownEntry = [
    { code: LOAD_WORD, operand: architectureOffset },
    { code: JUMP_EQUAL, jumpTrue: 1, operand: auditArchitectures[architecture] },
    { code: RETURN, operand: KILL_PROCESS },
    { code: LOAD_WORD, operand: numberOffset },
  ];
  const notX32 = [
    { code: JUMP_GREATER_EQUAL, jumpFalse: 3, operand: x32Bit },
    { code: JUMP_EQUAL, jumpFalse: 1, operand: skippedNumber },
    end('ENOSYS'),
    { code: RETURN, operand: KILL_PROCESS },
  ];
  return architecture === 'x64' ? [...ownEntry, ...notX32] : ownEntry;
}

/** Every number from 0 on. Neighbours that always answer alike are one range, and numbers without a name answer ENOSYS. */
function ranges(architecture: Architecture): Range[] {
  const names = new Map(Object.entries(systemCallNumbers[architecture]).map(([name, number]) => [number, name]));
  const found: Range[] = [];
  for (let number = 0; number <= Math.max(...names.keys()) + 1; number++) {
    const name = names.get(number);
    const program = name === undefined ? [end('ENOSYS')] : judge(systemCallTable.filter((rule) => rule.names.includes(name)));
    const last = found.at(-1)?.program;
    if (last?.length !== 1 || program.length !== 1 || last[0]?.operand !== program[0]?.operand) found.push({ from: number, program });
  }
  return found;
}

/** Finds the range of the loaded number by halves. */
function search(all: readonly Range[]): readonly Instruction[] {
  const [only] = all;
  if (all.length === 1 && only !== undefined) return only.program;
  const middle = all.length >> 1;
  const [below, above] = [search(all.slice(0, middle)), search(all.slice(middle))];
  // A conditional jump reaches 255 instructions, an unconditional one any.
  return [{ code: JUMP_GREATER_EQUAL, jumpFalse: 1, operand: all[middle]?.from ?? 0 }, { code: JUMP, operand: below.length }, ...below, ...above];
}

/** One call's rules in their order. */
function judge(rules: readonly Rule[]): Instruction[] {
  const [first] = rules;
  if (first !== undefined && first.when === undefined) return [end(first.answer)];
  return [
    ...rules.flatMap(({ answer, when = [] }) => [
      ...values(answer, when),
      ...when.filter((tests) => !isValue(tests)).flatMap((tests) => alternative(answer, tests)),
    ]),
    end('ENOSYS'),
  ];
}

/** Alternatives that each ask for one value of an argument: the argument is loaded once. */
function values(answer: Answer, when: Rule['when'] = []): Instruction[] {
  const byIndex = Map.groupBy(
    when.filter(isValue).map(([test]) => test as ArgumentTest),
    ({ index }) => index,
  );
  return [...byIndex].flatMap(([index, tests]) => [
    { code: LOAD_WORD, operand: argumentOffset(index) },
    ...tests.map(({ value }, position) => {
      const left = tests.length - 1 - position;
      return { code: JUMP_EQUAL, jumpTrue: left, jumpFalse: left === 0 ? 1 : 0, operand: value };
    }),
    end(answer),
  ]);
}

/** Tests that must all hold: the first that does not goes to what follows. ORDER: from the last to the first, since each jumps over those behind it. */
function alternative(answer: Answer, tests: readonly ArgumentTest[]): Instruction[] {
  let program = [end(answer)];
  for (const { index, mask, value, whole } of tests.toReversed()) {
    if (whole === true)
      program = [{ code: LOAD_WORD, operand: argumentOffset(index) + 4 }, { code: JUMP_EQUAL, jumpFalse: program.length, operand: 0 }, ...program];
    program = [{ code: JUMP_EQUAL, jumpFalse: program.length, operand: value }, ...program];
    if (mask !== 0xffff_ffff) program = [{ code: AND, operand: mask }, ...program];
    program = [{ code: LOAD_WORD, operand: argumentOffset(index) }, ...program];
  }
  return program;
}

function isValue(tests: readonly ArgumentTest[]): boolean {
  const [test] = tests;
  return tests.length === 1 && test !== undefined && test.mask === 0xffff_ffff && test.whole !== true;
}

function end(answer: Answer): Instruction {
  return { code: RETURN, operand: answer === 'allow' ? ALLOW : ERRNO + constants.errno[answer] };
}
