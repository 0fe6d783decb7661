import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { CloisterError } from '../errors.ts';
import { readKernelFile, writeKernelFile } from './kernel-file.ts';

export interface IdRange {
  /** First host id; ids 0 … count-1 inside are firstId … firstId+count-1 outside. */
  readonly firstId: number;
  readonly count: number;
}

/** Descriptors of the two namespaces; whoever holds them closes them. */
export interface UserAndTimeNamespace {
  readonly user: number;
  /** Belongs to `user`. A process enters it before it starts anything in it (setns(2), nsenter(1)). */
  readonly time: number;
}

/**
 * A new user namespace with this id map (user_namespaces(7)) and a new time namespace (time_namespaces(7)) whose CLOCK_MONOTONIC and CLOCK_BOOTTIME
 * begin in their first second. A short-lived child unshares both, because a process with threads can neither enter nor leave them; the child is ended
 * and reaped before this resolves, the namespaces live on in the descriptors.
 * SECURITY: both belong to the first id of the range, not to root. The kernel counts what is limited per user (inotify instances, queued signals and
 * timers, message queues) for the namespace's owner as well: one function would use up root's, and with it every other function's. And no process of the
 * range can change the clocks again: their offsets are frozen when the first process enters.
 */
export async function makeUserAndTimeNamespace(range: IdRange): Promise<UserAndTimeNamespace> {
  if (!existsSync('/proc/self/ns/time')) {
    const mend = 'the kernel has no time namespaces: boot one with CONFIG_TIME_NS (5.6 or newer)';
    throw new CloisterError('WallUnavailable', mend, { operation: 'make time namespace' });
  }
  const { monotonicSeconds, bootSeconds } = secondsSinceBoot();
  return unshareForRange(range, ['--time', `--monotonic=-${monotonicSeconds}`, `--boottime=-${bootSeconds}`], (child) => {
    using opened = new DisposableStack();
    const open = (name: string) => opened.adopt(openSync(`/proc/${child}/ns/${name}`, 'r'), closeSync);
    // Kernels before 6.3 let a process into its new time namespace at fork only, later ones at exec: where its children begin is the same for both.
    const namespaces = { user: open('user'), time: open('time_for_children') };
    opened.move();
    return namespaces;
  });
}

/** A user namespace of this range with more namespaces that belong to it (`kinds` as unshare(1) takes them); `open` takes what it wants of them. */
export async function unshareForRange<T>(range: IdRange, kinds: readonly string[], open: (child: number) => T): Promise<T> {
  const owner = String(range.firstId);
  // CAP_SYS_ADMIN is kept for hosts that let no other user make a user namespace (kernel.unprivileged_userns_clone); it ends with the child.
  const identity = ['--reuid', owner, '--regid', owner, '--clear-groups', '--inh-caps', '+sys_admin', '--ambient-caps', '+sys_admin'];
  const child = spawn('setpriv', [...identity, '--', 'unshare', '--user', ...kinds, '--', 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const failed = once(child, 'error').then(([cause]) => {
    throw new CloisterError('SystemCall', 'no user namespace could be made', { operation: 'unshare', cause });
  });
  failed.catch(() => undefined);
  // A child that was refused its namespace is gone before it reads: its exit status tells, and the closed pipe must not end this process.
  child.stdin.on('error', () => undefined);
  try {
    // ORDER: an echo proves that cat runs, so that unshare is behind us and its map can be written.
    child.stdin.write('\n');
    await Promise.race([once(child.stdout, 'data'), failed, once(child, 'exit').then(([code]) => refused(code))]);
    const map = `0 ${range.firstId} ${range.count}`;
    writeKernelFile(`/proc/${child.pid}/uid_map`, map);
    writeKernelFile(`/proc/${child.pid}/gid_map`, map);
    return open(child.pid as number);
  } finally {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
  }
}

/** Closes what makeUserAndTimeNamespace answered. */
export function closeNamespaces({ user, time }: UserAndTimeNamespace): void {
  closeSync(user);
  closeSync(time);
}

/** Whole seconds, as unshare(1) takes them: rounded down, since a clock of a time namespace may not be negative. */
function secondsSinceBoot(): { readonly monotonicSeconds: number; readonly bootSeconds: number } {
  return {
    monotonicSeconds: Number(process.hrtime.bigint() / 1_000_000_000n),
    bootSeconds: Math.floor(Number(readKernelFile('/proc/uptime').split(' ')[0])),
  };
}

function refused(code: unknown): never {
  throw new CloisterError('SystemCall', `unshare ended with status ${String(code)}`, { operation: 'unshare' });
}
