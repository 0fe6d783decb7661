import { systemCall } from './libc.ts';

const prctl = systemCall('int prctl(int option, unsigned long argument, unsigned long a, unsigned long b, unsigned long c)');
const PR_SET_DUMPABLE = 4;

/** This process never leaves a core dump, whatever the host is set to (prctl(2), PR_SET_DUMPABLE); programs that it starts are as they were. */
export function forbidCoreDumps(): void {
  prctl(undefined, PR_SET_DUMPABLE, 0, 0, 0, 0);
}
