import { closeSync } from 'node:fs';
import { SystemCallError, systemCall } from './libc.ts';

const SIGKILL = 9;
const pidfdOpen = systemCall('int pidfd_open(int pid, unsigned int flags)');
const pidfdSendSignal = systemCall('int pidfd_send_signal(int pidfd, int signal, void *info, unsigned int flags)');

/** Kills those of `pids` that `ours` still names once a handle of each is held: see killIfStill. One look serves them all. */
export function killWhoAreStill(pids: readonly number[], ours: () => ReadonlySet<number>): void {
  using handles = new DisposableStack();
  const held = pids.flatMap((pid) => {
    const handle = tryHandle(pid);
    if (handle !== undefined) handles.defer(() => closeSync(handle));
    return handle === undefined ? [] : [{ pid, handle }];
  });
  const still = ours();
  for (const { pid, handle } of held) if (still.has(pid)) kill(pid, handle);
}

/**
 * Kills `pid` if `isOurs` still says so once a handle of it is held: the number can't be given to another process between the look and the signal
 * (pidfd_open(2)). A process that is gone is no error.
 */
export function killIfStill(pid: number, isOurs: () => boolean): void {
  const handle = tryHandle(pid);
  if (handle === undefined) return;
  try {
    if (isOurs()) kill(pid, handle);
  } finally {
    closeSync(handle);
  }
}

function tryHandle(pid: number): number | undefined {
  try {
    return pidfdOpen(`process ${pid}`, pid, 0);
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === 'ESRCH') return undefined;
    throw error;
  }
}

function kill(pid: number, handle: number): void {
  try {
    pidfdSendSignal(`process ${pid}`, handle, SIGKILL, null, 0);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.errno === 'ESRCH')) throw error;
  }
}
