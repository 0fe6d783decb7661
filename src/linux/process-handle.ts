import { closeSync } from 'node:fs';
import { SystemCallError, systemCall } from './libc.ts';

const SIGKILL = 9;
const pidfdOpen = systemCall('int pidfd_open(int pid, unsigned int flags)');
const pidfdSendSignal = systemCall('int pidfd_send_signal(int pidfd, int signal, void *info, unsigned int flags)');

/**
 * Kills `pid` if `isOurs` still says so once a handle of it is held: the number can't be given to another process between the look and the signal
 * (pidfd_open(2)). A process that is gone is no error.
 */
export function killIfStill(pid: number, isOurs: () => boolean): void {
  try {
    const handle = pidfdOpen(`process ${pid}`, pid, 0);
    try {
      if (isOurs()) pidfdSendSignal(`process ${pid}`, handle, SIGKILL, null, 0);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    if (!(error instanceof SystemCallError && error.errno === 'ESRCH')) throw error;
  }
}
