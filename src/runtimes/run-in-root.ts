import { runCommand } from '../linux/run-command.ts';
import { buildUserId } from './build-user.ts';

const commandTimeoutMs = 20 * 60 * 1000;

/**
 * Runs a program inside a root file system, as the build user.
 * SECURITY: it sees no network, no process of the host and no file outside; all of it ends with us, whatever ends us.
 */
export async function runInRoot(
  root: string,
  program: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const walls = ['--net', '--ipc', '--uts', '--pid', '--fork', '--kill-child', `--mount-proc=${root}/proc`];
  // ORDER: an own PID 1 that stays root, because a process that changes its user loses the signal of its parent's death.
  const init = ['unshare', '--fork'];
  const user = [`--userspec=${buildUserId}:${buildUserId}`, '--groups='];
  const output = await runCommand('unshare', [...walls, ...init, 'chroot', ...user, root, program, ...args], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp', LC_ALL: 'C.UTF-8', ...variables },
    timeoutMs: commandTimeoutMs,
  });
  return output.stdout;
}
