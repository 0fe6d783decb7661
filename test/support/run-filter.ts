/** One system call as a filter sees it (linux/seccomp.h, struct seccomp_data). */
export interface FilteredCall {
  readonly number: number;
  /** AUDIT_ARCH_ value of the entry point. */
  readonly architecture: number;
  readonly args: readonly bigint[];
}

export const auditArchitectures = { x64: 0xc000_003e, i386: 0x4000_0003, arm64: 0xc000_00b7 } as const;

/**
 * Runs a seccomp filter, given as struct sock_filter after struct sock_filter, on one call: what the kernel's own interpreter answers (linux/filter.h, the
 * instructions that seccomp admits). Throws on any other instruction.
 */
export function runFilter(program: Buffer, call: FilteredCall): number {
  const data = Buffer.alloc(64);
  data.writeInt32LE(call.number | 0, 0);
  data.writeUInt32LE(call.architecture, 4);
  for (let index = 0; index < 6; index++) data.writeBigUInt64LE(BigInt.asUintN(64, call.args[index] ?? 0n), 16 + 8 * index);
  let accumulator = 0;
  let position = 0;
  for (;;) {
    const offset = position * 8;
    const code = program.readUInt16LE(offset);
    const operand = program.readUInt32LE(offset + 4);
    position += 1;
    const jump = (holds: boolean) => {
      position += program[offset + (holds ? 2 : 3)] as number;
    };
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x54) accumulator = (accumulator & operand) >>> 0;
    else if (code === 0x05) position += operand;
    else if (code === 0x15) jump(accumulator === operand);
    else if (code === 0x25) jump(accumulator > operand);
    else if (code === 0x35) jump(accumulator >= operand);
    else if (code === 0x45) jump((accumulator & operand) !== 0);
    else if (code === 0x06) return operand;
    else throw new Error(`instruction ${position - 1} has the unexpected code 0x${code.toString(16)}`);
  }
}
