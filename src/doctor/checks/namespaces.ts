import { runCommand } from '../../linux/run-command.ts';
import { closeNamespaces, makeUserAndTimeNamespace } from '../../linux/user-and-time-namespace.ts';
import type { Check } from '../check.ts';
import { raiseNamespaceLimits } from '../mend-namespace-limits.ts';

const probeRange = { firstId: 1_000_000, count: 65_536 };
const names = ['pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'] as const;

/** Makes a user namespace with an id range and a time namespace, as every environment gets them, and reads the clock in there. */
export const userAndTimeNamespaceCheck: Check = {
  id: 'user-and-time-namespace',
  severity: 'required',
  needsRoot: true,
  why: 'root inside an environment must be nobody on the host, and its clocks must not tell how long the host runs',
  fix: 'boot a kernel with CONFIG_USER_NS and CONFIG_TIME_NS (5.6 or newer) and raise max_user_namespaces and max_time_namespaces in /proc/sys/user',
  mend: async () => raiseNamespaceLimits(['user', 'time']),
  measure: async () => {
    using undo = new DisposableStack();
    const { time } = undo.adopt(await makeUserAndTimeNamespace(probeRange), closeNamespaces);
    const { stdout } = await runCommand('nsenter', [`--time=/proc/${process.pid}/fd/${time}`, '--', 'cat', '/proc/uptime'], { timeoutMs: 10_000 });
    const uptimeSeconds = Number(stdout.split(' ')[0]);
    return { ok: uptimeSeconds < 10, found: `one of ${probeRange.count} ids was made; the clock in there says ${uptimeSeconds} s since boot` };
  },
};

/** Starts a program in new namespaces of every other kind. */
export const namespaceCheck: Check = {
  id: 'namespaces',
  severity: 'required',
  needsRoot: true,
  why: 'processes, mounts, network, System V objects, names and control groups of one environment are hidden from all others',
  fix: 'boot a kernel with CONFIG_NAMESPACES and all its kinds, and raise the limits in /proc/sys/user',
  mend: async () => raiseNamespaceLimits(names),
  measure: async () => {
    await runCommand('unshare', ['--pid', '--fork', '--mount', '--net', '--ipc', '--uts', '--cgroup', '--', 'true'], { timeoutMs: 10_000 });
    return { ok: true, found: `a program ran in new ${names.join(', ')}` };
  },
};
