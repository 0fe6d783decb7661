import { chmodSync, closeSync, mkdirSync, openSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../../errors.ts';
import { closeAll } from '../../linux/descriptor.ts';
import { SystemCallError } from '../../linux/libc.ts';
import { makeMemoryFileSystem } from '../../linux/memory-file-system.ts';
import { attachMountOn, copyMount, copyMountReadOnly, setMountReadOnly } from '../../linux/mount.ts';
import { inMountNamespace } from '../../linux/namespaces.ts';
import { openBeneath } from '../../linux/open-beneath.ts';

/**
 * Covered with nothing, below /proc. What runc and containerd mask; what tells a function how much its neighbours read, write and compute (diskstats,
 * partitions, fs, pressure, vmstat, zoneinfo, buddyinfo, softirqs, schedstat); and what tells hosts apart or how they were started (cmdline, modules,
 * boot_id). There is no /sys in an environment.
 */
export const maskedPaths = [
  'acpi',
  'asound',
  'buddyinfo',
  'cmdline',
  'diskstats',
  'fs',
  'interrupts',
  'kallsyms',
  'kcore',
  'keys',
  'latency_stats',
  'modules',
  'partitions',
  'pressure',
  'sched_debug',
  'schedstat',
  'scsi',
  'softirqs',
  'sys/kernel/random/boot_id',
  'timer_list',
  'timer_stats',
  'vmstat',
  'zoneinfo',
] as const;

/** Mounted read-only over themselves, below /proc. */
export const readOnlyPaths = ['bus', 'irq', 'sys', 'sysrq-trigger'] as const;

const procMagic = 0x9fa0;
const emptyFile = 'file';
const emptyDirectory = 'directory';

/** What covers: a detached, read-only tmpfs with an empty file and an empty directory in it. */
export function makeCover(ownerId: number): number {
  const cover = makeMemoryFileSystem({ name: 'hidden', sizeKiB: 4, ownerId });
  try {
    const path = (name: string) => `/proc/self/fd/${cover}/${name}`;
    writeFileSync(path(emptyFile), '');
    mkdirSync(path(emptyDirectory));
    // Whatever the umask: who reads a covered file finds it empty, and not refused.
    chmodSync(path(emptyFile), 0o444);
    chmodSync(path(emptyDirectory), 0o555);
    setMountReadOnly(cover);
    return cover;
  } catch (error) {
    closeAll(cover);
    throw error;
  }
}

/**
 * Covers `maskedPaths` and makes `readOnlyPaths` read-only for a process that waits before its first instruction. `cover` is where makeCover's mount is
 * attached. SECURITY: an OCI runtime covers with the environment's own /dev/null, found by path (CVE-2025-31133: a link there shows another file instead,
 * writable). Here each place is opened beneath /proc, which is checked to be procfs, through no link and no mount, and covered by descriptor.
 */
export function hidePaths(pid: number, cover: string): void {
  using undo = new DisposableStack();
  const keep = (fd: number) => undo.adopt(fd, (opened) => closeAll(opened));
  const root = keep(openSync(`/proc/${pid}/root`, 'r'));
  const proc = keep(openBeneath({ directory: root, path: 'proc', acrossMounts: true }));
  if (statfsSync(`/proc/self/fd/${proc}`).type !== procMagic) throw notProc();
  const found = (path: string) => {
    const fd = tryOpen(proc, path);
    return fd === undefined ? [] : [keep(fd)];
  };
  const masks = maskedPaths.flatMap(found).map((target) => {
    const kind = statSync(`/proc/self/fd/${target}`).isDirectory() ? emptyDirectory : emptyFile;
    return { target, mount: keep(copyMount(join(cover, kind))) };
  });
  const readOnly = readOnlyPaths.flatMap(found);
  const namespace = keep(openSync(`/proc/${pid}/ns/mnt`, 'r'));
  inMountNamespace(namespace, () => {
    for (const { target, mount } of masks) attachMountOn(mount, target);
    // ORDER: after what is covered below them, which the copies take along.
    for (const target of readOnly) {
      const copy = copyMountReadOnly(target);
      attachMountOn(copy, target);
      closeSync(copy);
    }
  });
}

/** Not every kernel has every file. */
function tryOpen(proc: number, path: string): number | undefined {
  try {
    return openBeneath({ directory: proc, path, mustBeDirectory: false });
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === 'ENOENT') return undefined;
    throw error;
  }
}

function notProc(): CloisterError {
  return new CloisterError('WallUnavailable', 'what is mounted at /proc is no procfs: the OCI runtime did not do as it was told', {
    operation: 'hide paths',
  });
}
