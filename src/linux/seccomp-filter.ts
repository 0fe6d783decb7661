import koffi from 'koffi';
import { CloisterError } from '../errors.ts';
import { SystemCallError, systemCall } from './libc.ts';

const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;
const PTRACE_DETACH = 17;
const PTRACE_SECCOMP_GET_FILTER = 0x420c;
const __WALL = 0x40000000;
const WNOHANG = 1;
const stopTimeoutMs = 2_000;
const maxFilters = 32;
const instructionBytes = 8;

const ptrace = systemCall('long ptrace(int request, int pid, uintptr_t address, void *data)');
const waitpid = systemCall('int waitpid(int pid, _Out_ int *status, int options)');

/** One instruction of a classic BPF program (linux/filter.h: struct sock_filter). */
export interface FilterInstruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly operand: number;
}

/**
 * The seccomp filters that the kernel holds for a process now, the newest first (ptrace(2), PTRACE_SECCOMP_GET_FILTER). The process is stopped for the
 * moment of the look; a frozen one can't be looked at. Needs CAP_SYS_ADMIN and a kernel with CONFIG_CHECKPOINT_RESTORE.
 */
export function readSeccompFilters(pid: number): FilterInstruction[][] {
  ptrace(`process ${pid}`, PTRACE_SEIZE, pid, 0, null);
  let stopped = false;
  try {
    ptrace(`process ${pid}`, PTRACE_INTERRUPT, pid, 0, null);
    awaitStop(pid);
    stopped = true;
    const filters: FilterInstruction[][] = [];
    while (filters.length < maxFilters) {
      const filter = readFilter(pid, filters.length);
      if (filter === undefined) break;
      filters.push(filter);
    }
    return filters;
  } finally {
    // A tracee that never stopped can't be detached; it goes with this process.
    if (stopped) ptrace(`process ${pid}`, PTRACE_DETACH, pid, 0, null);
  }
}

function awaitStop(pid: number): void {
  const until = performance.now() + stopTimeoutMs;
  const status = [0];
  while (waitpid(`process ${pid}`, pid, status, __WALL | WNOHANG) === 0) {
    if (performance.now() > until)
      throw new CloisterError('SystemCall', 'the process does not stop', { operation: 'ptrace', path: `process ${pid}` });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

function readFilter(pid: number, index: number): FilterInstruction[] | undefined {
  try {
    const count = ptrace(`process ${pid}`, PTRACE_SECCOMP_GET_FILTER, pid, index, null);
    const bytes = Buffer.alloc(count * instructionBytes);
    ptrace(`process ${pid}`, PTRACE_SECCOMP_GET_FILTER, pid, index, bytes);
    return Array.from({ length: count }, (_, at) => ({
      code: bytes.readUInt16LE(at * instructionBytes),
      jumpTrue: bytes.readUInt8(at * instructionBytes + 2),
      jumpFalse: bytes.readUInt8(at * instructionBytes + 3),
      operand: bytes.readUInt32LE(at * instructionBytes + 4),
    }));
  } catch (error) {
    // ENOENT: there is no filter of that index; EINVAL: the process has no filter at all.
    if (error instanceof SystemCallError && (error.errno === 'ENOENT' || error.errno === 'EINVAL')) return undefined;
    throw error;
  }
}

/** The symbolic name of an errno (errno(3)). */
export function errnoName(number: number): string {
  return Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}
