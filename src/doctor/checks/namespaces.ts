import { existsSync } from 'node:fs';
import { runCommand } from '../../linux/run-command.ts';
import { closeNamespace, makeUserNamespace } from '../../linux/user-namespace.ts';
import type { Check } from '../check.ts';

const probeRange = { firstId: 1_000_000, count: 65_536 };
const names = ['pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'] as const;

/** Makes a user namespace with an id range, as every environment gets one. */
export const userNamespaceCheck: Check = {
  id: 'user-namespace',
  severity: 'required',
  needsRoot: true,
  why: 'root inside an environment must be nobody on the host',
  fix: 'boot a kernel with CONFIG_USER_NS and raise /proc/sys/user/max_user_namespaces',
  measure: async () => {
    closeNamespace(await makeUserNamespace(probeRange));
    return { ok: true, found: `one of ${probeRange.count} ids was made` };
  },
};

/** Starts a program in new namespaces of every other kind. */
export const namespaceCheck: Check = {
  id: 'namespaces',
  severity: 'required',
  needsRoot: true,
  why: 'processes, mounts, network, System V objects, names and control groups of one environment are hidden from all others',
  fix: 'boot a kernel with CONFIG_NAMESPACES and all its kinds, and raise the limits in /proc/sys/user',
  measure: async () => {
    await runCommand('unshare', ['--pid', '--fork', '--mount', '--net', '--ipc', '--uts', '--cgroup', '--', 'true'], { timeoutMs: 10_000 });
    const time = existsSync('/proc/self/ns/time') ? '; time namespaces exist too' : '';
    return { ok: true, found: `a program ran in new ${names.join(', ')}${time}` };
  },
};
