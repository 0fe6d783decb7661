import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { CloisterError } from '../errors.ts';
import { writeKernelFile } from './kernel-file.ts';

export interface IdRange {
  /** First host id; ids 0 … count-1 inside are firstId … firstId+count-1 outside. */
  readonly firstId: number;
  readonly count: number;
}

/**
 * A descriptor of a new user namespace with this id map (user_namespaces(7)). A short-lived child unshares it, because a process with threads can't;
 * the child is ended and reaped before this resolves, the namespace lives on in the descriptor.
 * SECURITY: the namespace belongs to the first id of its own range, not to root. The kernel counts what is limited per user (inotify instances, queued
 * signals and timers, message queues) for the namespace's owner as well: one function would use up root's, and with it every other function's.
 */
export async function makeUserNamespace(range: IdRange): Promise<number> {
  const owner = String(range.firstId);
  // CAP_SYS_ADMIN is kept for hosts that let no other user make a user namespace (kernel.unprivileged_userns_clone); it ends with the child.
  const identity = ['--reuid', owner, '--regid', owner, '--clear-groups', '--inh-caps', '+sys_admin', '--ambient-caps', '+sys_admin'];
  const child = spawn('setpriv', [...identity, '--', 'unshare', '--user', '--', 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const failed = once(child, 'error').then(([cause]) => {
    throw new CloisterError('SystemCall', 'no user namespace could be made', { operation: 'unshare', cause });
  });
  failed.catch(() => undefined);
  try {
    // ORDER: an echo proves that cat runs, so that unshare is behind us and its map can be written.
    child.stdin.write('\n');
    await Promise.race([once(child.stdout, 'data'), failed, once(child, 'exit').then(([code]) => refused(code))]);
    const map = `0 ${range.firstId} ${range.count}`;
    writeKernelFile(`/proc/${child.pid}/uid_map`, map);
    writeKernelFile(`/proc/${child.pid}/gid_map`, map);
    return openSync(`/proc/${child.pid}/ns/user`, 'r');
  } finally {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
  }
}

function refused(code: unknown): never {
  throw new CloisterError('SystemCall', `unshare ended with status ${String(code)}`, { operation: 'unshare' });
}

/** Closes what makeUserNamespace answered. */
export function closeNamespace(fd: number): void {
  closeSync(fd);
}
