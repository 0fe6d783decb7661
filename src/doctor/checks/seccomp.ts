import { readKernelFile, tryReadKernelFile } from '../../linux/kernel-file.ts';
import type { Check } from '../check.ts';

const path = '/proc/sys/kernel/seccomp/actions_avail';
const neededActions = ['allow', 'errno', 'kill_process'] as const;

/** The kernel's system call filter. */
export const seccompCheck: Check = {
  id: 'seccomp',
  severity: 'required',
  why: 'the system calls of functions pass an allow-list',
  fix: 'boot a kernel with CONFIG_SECCOMP_FILTER',
  measure: () => {
    if (tryReadKernelFile(path) === undefined) return { ok: false, found: `${path} does not exist` };
    const actions = readKernelFile(path).split(' ');
    const missing = neededActions.filter((action) => !actions.includes(action));
    return { ok: missing.length === 0, found: missing.length === 0 ? `actions ${actions.join(' ')}` : `no action ${missing.join(', ')}` };
  },
};
