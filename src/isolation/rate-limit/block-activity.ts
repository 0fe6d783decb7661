import { tryReadKernelFile } from '../../linux/kernel-file.ts';

/**
 * Tells whether any environment may have read or written since the last call, from two readings however many there are: the counters of the environments'
 * loop devices (proc_diskstats(5)), given by name, and the sum over the instance's groups.
 */
export function watchBlockActivity(groupCounters: string, loopDevices: ReadonlySet<string>, diskstats = '/proc/diskstats'): () => boolean {
  let seen = '';
  return () => {
    const loops = (tryReadKernelFile(diskstats) ?? '').split('\n').filter((line) => loopDevices.has(line.trim().split(/\s+/)[2] ?? ''));
    const now = [...loops, tryReadKernelFile(groupCounters)].join('\n');
    const changed = now !== seen;
    seen = now;
    return changed;
  };
}
