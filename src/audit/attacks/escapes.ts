import type { Attack } from '../attack.ts';
import { byGoals } from './by-goals.ts';

const wayOut = (name: string, what: string): Attack => byGoals({ id: `escapes.${name}`, wall: 'escapes', what });

export const escapeAttacks: readonly Attack[] = [
  wayOut('release-agent', 'a cgroup hierarchy mounted, its release_agent (CVE-2022-0492)'),
  wayOut('nested-user-namespace', 'root in a user namespace of its own, and mounts from there (CVE-2022-0185)'),
  wayOut('program-overwrite', '/proc/self/exe and /proc/1/exe written over (CVE-2019-5736)'),
  wayOut('kernel-settings', 'core_pattern, modprobe and other settings of the kernel'),
  wayOut('sysrq', '/proc/sysrq-trigger'),
  wayOut('raw-disk', "a device node of the host's disk, and its first sector"),
  wayOut('open-by-handle', 'open_by_handle_at: a file above /tmp by its inode (Shocker)'),
  wayOut('first-process', "PID 1's memory, root, descriptors and control socket"),
  wayOut('dirty-pipe', "a page of the runtime's image changed: by write, by mapping, through a pipe (CVE-2022-0847)"),
  wayOut('clocks', "the host's clock set"),
  wayOut('change-root', 'chroot, pivot_root, remount, unmount of what covers a file, a fresh /proc'),
];
