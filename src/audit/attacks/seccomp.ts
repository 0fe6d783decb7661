import type { Attack } from '../attack.ts';
import { byGoals } from './by-goals.ts';

const tried: Readonly<Record<string, string>> = {
  namespaces: 'clone, clone3, unshare and setns: namespaces of its own',
  mounts: 'mount and the newer calls around mounts',
  keyrings: "the kernel's keyrings, which no namespace divides",
  'kernel-programs': 'bpf, perf events, secret memory',
  'asynchronous-io': 'io_uring and native asynchronous input and output',
  'user-faults': 'userfaultfd and fanotify',
  'other-processes': "ptrace and reading or writing another process's memory",
  sockets: 'sockets of families and protocols that no function needs',
  'page-cache': 'mincore, cachestat and RWF_NOWAIT: what a neighbour has in the page cache',
  personality: 'other personalities, without address randomisation',
  terminal: 'ioctl TIOCSTI and the like, also with high bits set',
  machine: 'reboot, kexec, modules, swap, clocks and ports of the machine',
  'foreign-abi': '32-bit and x32 entry points, past a 64-bit table',
};

export const seccompAttacks: readonly Attack[] = Object.entries(tried).map(([name, what]) =>
  byGoals({ id: `seccomp.${name}`, wall: 'seccomp', what }),
);
