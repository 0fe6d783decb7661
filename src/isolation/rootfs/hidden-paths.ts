/**
 * Covered with nothing: what runc and containerd mask in /proc, and what shows a function how much its neighbours read and write (the loop devices of
 * their /tmp: diskstats, partitions, fs) or how the host was started (cmdline). There is no /sys in an environment.
 */
export const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/cmdline',
  '/proc/diskstats',
  '/proc/fs',
  '/proc/interrupts',
  '/proc/kallsyms',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/partitions',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
] as const;

/** Bound read-only over themselves. */
export const readOnlyPaths = ['/proc/bus', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;
