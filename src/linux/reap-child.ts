import { setTimeout as delay } from 'node:timers/promises';
import { SystemCallError, systemCall } from './libc.ts';

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
const prctl = systemCall('int prctl(int option, unsigned long argument, unsigned long a, unsigned long b, unsigned long c)');
const waitpid = systemCall('int waitpid(int pid, void *status, int options)');

/** Orphans of our children become ours (prctl(2), PR_SET_CHILD_SUBREAPER): the process table then doesn't depend on how well the host's init reaps. */
export function becomeSubreaper(): void {
  prctl(undefined, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/** Takes a killed child out of the process table; one that is not our child is its parent's affair. */
export async function reapChild(pid: number): Promise<void> {
  try {
    while (waitpid(`process ${pid}`, pid, null, WNOHANG) === 0) await delay(1);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.errno === 'ECHILD')) throw error;
  }
}
