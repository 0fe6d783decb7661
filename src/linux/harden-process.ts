import koffi from 'koffi';
import { systemCall } from './libc.ts';

const RLIMIT_CORE = 4;
const PR_SET_DUMPABLE = 4;

koffi.struct('rlimit', { current: 'uint64_t', maximum: 'uint64_t' });
const setrlimit = systemCall('int setrlimit(int resource, rlimit *limit)');
const prctl = systemCall('int prctl(int option, unsigned long argument, unsigned long a, unsigned long b, unsigned long c)');

/**
 * No core file of this process is ever written (keys pass through its memory), nobody without CAP_SYS_PTRACE may trace it or read its memory (prctl(2),
 * PR_SET_DUMPABLE), and what it makes is root's alone unless it says otherwise. All three hold for the process as a whole, whatever thread asks.
 */
export function hardenProcess(): void {
  setrlimit('core', RLIMIT_CORE, { current: 0, maximum: 0 });
  prctl(undefined, PR_SET_DUMPABLE, 0, 0, 0, 0);
  process.umask(0o077);
}
