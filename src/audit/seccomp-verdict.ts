import type { FilterInstruction } from '../linux/seccomp-filter.ts';

/** What a system call looks like to a filter (seccomp(2): struct seccomp_data). */
export interface SystemCallData {
  readonly number: number;
  readonly arch: number;
  readonly arguments: readonly bigint[];
}

export type FilterVerdict =
  | { readonly action: 'allow' }
  | { readonly action: 'errno'; readonly errno: number }
  | { readonly action: 'kill' | 'trap' | 'trace' | 'notify' | 'log' };

/** What a process's filters answer to a call: the kernel runs all of them, and the strictest answer counts (seccomp(2), "Filters"). */
export function seccompVerdict(filters: readonly (readonly FilterInstruction[])[], data: SystemCallData): FilterVerdict {
  const bytes = Buffer.alloc(64);
  bytes.writeInt32LE(data.number | 0, 0);
  bytes.writeUInt32LE(data.arch, 4);
  for (const [index, argument] of data.arguments.entries()) bytes.writeBigUInt64LE(BigInt.asUintN(64, argument), 16 + index * 8);
  // The action with the lowest value, taken as signed, goes first: kill, trap, errno, notify, trace, log, allow.
  const answers = filters.map((filter) => runFilter(filter, bytes));
  return describe(answers.toSorted((one, other) => ((one & 0xffff_0000) | 0) - ((other & 0xffff_0000) | 0))[0] ?? 0x7fff_0000);
}

function describe(answer: number): FilterVerdict {
  switch ((answer & 0xffff_0000) >>> 0) {
    case 0x7fff_0000:
      return { action: 'allow' };
    case 0x0005_0000:
      return { action: 'errno', errno: answer & 0xffff };
    case 0x0003_0000:
      return { action: 'trap' };
    case 0x7ff0_0000:
      return { action: 'trace' };
    case 0x7fc0_0000:
      return { action: 'notify' };
    case 0x7ffc_0000:
      return { action: 'log' };
    default:
      return { action: 'kill' };
  }
}

/** Runs a classic BPF program as the kernel would (Documentation/networking/filter.rst); answers what it returns. */
function runFilter(filter: readonly FilterInstruction[], data: Buffer): number {
  let accumulator = 0;
  let index = 0;
  const memory = new Array<number>(16).fill(0);
  for (let at = 0; at < filter.length; at += 1) {
    const { code, jumpTrue, jumpFalse, operand } = filter[at] as FilterInstruction;
    const source = (code & 0x08) === 0 ? operand : index;
    switch (code & 0x07) {
      case 0x00:
        accumulator = load(code, operand, data, memory);
        break;
      case 0x01:
        index = load(code, operand, data, memory);
        break;
      case 0x02:
        memory[operand] = accumulator;
        break;
      case 0x03:
        memory[operand] = index;
        break;
      case 0x04:
        accumulator = compute(code, accumulator, source);
        break;
      case 0x05:
        at += (code & 0xf0) === 0x00 ? operand : compare(code, accumulator, source) ? jumpTrue : jumpFalse;
        break;
      case 0x06:
        return (code & 0x18) === 0x10 ? accumulator : operand;
      default:
        if ((code & 0x80) === 0) index = accumulator;
        else accumulator = index;
    }
  }
  return 0;
}

function load(code: number, operand: number, data: Buffer, memory: readonly number[]): number {
  switch (code & 0xe0) {
    case 0x20:
      return data.readUInt32LE(operand);
    case 0x60:
      return memory[operand] ?? 0;
    case 0x80:
      return data.length;
    default:
      return operand;
  }
}

function compute(code: number, value: number, source: number): number {
  switch (code & 0xf0) {
    case 0x00:
      return (value + source) >>> 0;
    case 0x10:
      return (value - source) >>> 0;
    case 0x20:
      return Math.imul(value, source) >>> 0;
    case 0x30:
      return source === 0 ? 0 : Math.floor(value / source);
    case 0x40:
      return (value | source) >>> 0;
    case 0x50:
      return (value & source) >>> 0;
    case 0x60:
      return (value << source) >>> 0;
    case 0x70:
      return value >>> source;
    case 0x80:
      return -value >>> 0;
    default:
      return (value ^ source) >>> 0;
  }
}

function compare(code: number, value: number, source: number): boolean {
  const [left, right] = [value >>> 0, source >>> 0];
  switch (code & 0xf0) {
    case 0x10:
      return left === right;
    case 0x20:
      return left > right;
    case 0x30:
      return left >= right;
    default:
      return (left & right) !== 0;
  }
}
