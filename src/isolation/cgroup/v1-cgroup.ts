import { constants, existsSync, mkdirSync, openSync, readdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Reading } from '../../evidence.ts';
import { closeAll } from '../../linux/descriptor.ts';
import { watchKernelEvents } from '../../linux/event-descriptor.ts';
import { readKernelFile, tryReadKernelFile, writeKernelFile } from '../../linux/kernel-file.ts';
import { killWhoAreStill } from '../../linux/process-handle.ts';
import { allowedDevices, type Cgroup, type CgroupLimits, cpuPeriodUs, cpuShare, protectedCpuShare } from './cgroup.ts';
import { waitUntil } from './wait-until.ts';

export const v1Controllers = ['cpu', 'cpuacct', 'memory', 'pids', 'freezer', 'devices', 'blkio'] as const;
export type V1Controller = (typeof v1Controllers)[number];
export type V1Roots = Readonly<Record<V1Controller, string>>;

const removeTimeoutMs = 5_000;
/** Of the memory size: how much may wait in sockets beside it. */
const socketBufferShare = 4;
const killedAtOnce = 64;
/** Looks at a group that is being killed, 31 ms in all, until whoever still stops its processes is worked around. */
const patientLooks = 5;
/** The kernel's neutral weight (Documentation/scheduler/sched-design-CFS.rst). */
const neutralShares = 1_024;

/** An environment's groups on a v1 or hybrid host: one directory of the same name under each controller. */
export class V1Cgroup implements Cgroup {
  /** Devices, too, are files here: the OCI runtime is given no group. */
  readonly oci = undefined;
  readonly freezerWords = { frozen: 'FROZEN', thawed: 'THAWED' };
  readonly #paths: V1Roots;

  constructor(roots: V1Roots, name: string) {
    this.#paths = Object.fromEntries(v1Controllers.map((controller) => [controller, join(roots[controller], name)])) as V1Roots;
  }

  get memoryPeakPath(): string {
    return join(this.#paths.memory, 'memory.max_usage_in_bytes');
  }

  create(limits?: CgroupLimits): void {
    for (const path of this.#directories()) mkdirSync(path, { recursive: true });
    if (limits === undefined) return;
    const { memorySizeMiB, maxProcesses } = limits;
    writeKernelFile(join(this.#paths.memory, 'memory.limit_in_bytes'), memorySizeMiB * 1024 * 1024);
    this.#forbidSwap();
    this.#limitSocketBuffers(memorySizeMiB);
    writeKernelFile(join(this.#paths.pids, 'pids.max'), maxProcesses);
    this.#limitCpu(memorySizeMiB);
    writeKernelFile(join(this.#paths.devices, 'devices.deny'), 'a');
    for (const { type, major, minor } of allowedDevices)
      writeKernelFile(join(this.#paths.devices, 'devices.allow'), `${type} ${major}:${minor ?? '*'} rwm`);
  }

  /** v1 keeps no memory for a group: what it has instead is the reserve that admission leaves, and oom_score_adj. */
  protect(_memoryMiB: number): void {
    writeKernelFile(join(this.#paths.cpu, 'cpu.shares'), neutralShares * protectedCpuShare);
  }

  get entrances(): readonly string[] {
    return this.#directories().map((path) => join(path, 'cgroup.procs'));
  }

  attach(pid: number): void {
    for (const path of this.entrances) writeKernelFile(path, pid);
  }

  setCpuQuota(quotaUs: number | undefined): void {
    writeKernelFile(join(this.#paths.cpu, 'cpu.cfs_quota_us'), quotaUs ?? -1);
  }

  async freeze(): Promise<void> {
    const state = join(this.#paths.freezer, 'freezer.state');
    writeKernelFile(state, 'FROZEN');
    // FREEZING stays as long as a task is between two points where it can stop; writing again asks the kernel to look again.
    await waitUntil(
      () => {
        if (readKernelFile(state) === 'FROZEN') return true;
        writeKernelFile(state, 'FROZEN');
        return false;
      },
      { what: 'freeze', timeoutMs: removeTimeoutMs },
    );
  }

  thaw(): void {
    writeKernelFile(join(this.#paths.freezer, 'freezer.state'), 'THAWED');
  }

  openFreezer(): number {
    return openSync(join(this.#paths.freezer, 'freezer.state'), constants.O_WRONLY);
  }

  processes(): number[] {
    return (tryReadKernelFile(join(this.#paths.freezer, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  }

  async kill(): Promise<void> {
    let look = 0;
    await waitUntil(() => this.#killOnce(look++), { what: 'kill control group', timeoutMs: removeTimeoutMs });
  }

  outOfMemoryKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(tryReadKernelFile(join(this.#paths.memory, 'memory.oom_control')) ?? '')?.[1] ?? 0);
  }

  /** Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control": the kernel tells before it kills. */
  onOutOfMemory(listener: () => void): Disposable {
    const control = openSync(join(this.#paths.memory, 'memory.oom_control'), 'r');
    try {
      return watchKernelEvents(
        (descriptor) => writeKernelFile(join(this.#paths.memory, 'cgroup.event_control'), `${descriptor} ${control}`),
        listener,
      );
    } finally {
      closeAll(control);
    }
  }

  memoryUsageBytes(): number {
    return Number(tryReadKernelFile(join(this.#paths.memory, 'memory.usage_in_bytes')) ?? 0);
  }

  readings(): Readonly<Record<string, Reading>> {
    const read = (controller: V1Controller, file: string): Reading => {
      const path = join(this.#paths[controller], file);
      return { value: tryReadKernelFile(path) ?? null, readFrom: path };
    };
    return {
      memoryLimitBytes: read('memory', 'memory.limit_in_bytes'),
      memoryUsageBytes: read('memory', 'memory.usage_in_bytes'),
      memoryPeakBytes: read('memory', 'memory.max_usage_in_bytes'),
      memoryAndSwapLimitBytes: read('memory', 'memory.memsw.limit_in_bytes'),
      outOfMemory: read('memory', 'memory.oom_control'),
      cpuQuotaUs: read('cpu', 'cpu.cfs_quota_us'),
      cpuPeriodUs: read('cpu', 'cpu.cfs_period_us'),
      cpuBurstUs: read('cpu', 'cpu.cfs_burst_us'),
      cpuShares: read('cpu', 'cpu.shares'),
      cpuThrottling: read('cpu', 'cpu.stat'),
      cpuUsageNs: read('cpuacct', 'cpuacct.usage'),
      processesMax: read('pids', 'pids.max'),
      processesNow: read('pids', 'pids.current'),
      processesRefused: read('pids', 'pids.events'),
      freezer: read('freezer', 'freezer.state'),
      frozen: isFrozen(read('freezer', 'freezer.state')),
      devices: read('devices', 'devices.list'),
    };
  }

  async remove(): Promise<void> {
    // A memory group answers EBUSY for a moment after its last process died.
    for (const path of this.#directories()) await waitUntil(() => removed(path), { what: 'remove control group', timeoutMs: removeTimeoutMs });
  }

  #directories(): string[] {
    return [...new Set(Object.values(this.#paths))];
  }

  #limitCpu(memorySizeMiB: number): void {
    const write = (file: string, value: number) => writeKernelFile(join(this.#paths.cpu, file), value);
    write('cpu.cfs_period_us', cpuPeriodUs);
    write('cpu.shares', Math.round(neutralShares * cpuShare(memorySizeMiB)));
    // Kernels before 5.14 have no burst to forbid.
    if (existsSync(join(this.#paths.cpu, 'cpu.cfs_burst_us'))) write('cpu.cfs_burst_us', 0);
  }

  #forbidSwap(): void {
    const swapLimit = join(this.#paths.memory, 'memory.memsw.limit_in_bytes');
    if (existsSync(swapLimit)) writeKernelFile(swapLimit, readKernelFile(join(this.#paths.memory, 'memory.limit_in_bytes')));
    writeKernelFile(join(this.#paths.memory, 'memory.swappiness'), 0);
  }

  /**
   * v1 charges what waits in sockets to a group only once this limit is set, and apart from its memory; until then it is the host's memory, and the
   * host's tcp_mem, which every connection shares.
   */
  #limitSocketBuffers(memorySizeMiB: number): void {
    const limit = join(this.#paths.memory, 'memory.kmem.tcp.limit_in_bytes');
    if (existsSync(limit)) writeKernelFile(limit, Math.floor((memorySizeMiB * 1024 * 1024) / socketBufferShare));
  }

  /** Frozen tasks do not fork: what is listed after the write is all there is, but for tasks still on their way to a stop, which the next round finds. */
  #killOnce(look: number): boolean {
    if (this.#members().size === 0) return true;
    // Where somebody thaws them again they do not fork either.
    const processesMax = join(this.#paths.pids, 'pids.max');
    if (existsSync(processesMax)) writeKernelFile(processesMax, 0);
    const freezer = join(this.#paths.freezer, 'freezer.state');
    if (existsSync(freezer)) writeKernelFile(freezer, 'FROZEN');
    // In portions: each look reads every list of the group, and a function may have filled these.
    const pids = [...this.#members()];
    for (let index = 0; index < pids.length; index += killedAtOnce) killWhoAreStill(pids.slice(index, index + killedAtOnce), () => this.#members());
    if (existsSync(freezer)) this.thaw();
    if (look >= patientLooks) this.#leaveFreezer();
    return this.#members().size === 0;
  }

  /**
   * A frozen task takes no signal here, SIGKILL neither (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst).
   * SECURITY: the daemon has the freezer of an environment in its hand. Who stops its processes again and again finds them in the parent's group, which
   * nobody freezes; under every other controller they are still where they were, and there they are killed.
   */
  #leaveFreezer(): void {
    const entrance = join(dirname(this.#paths.freezer), 'cgroup.procs');
    for (const pid of this.#members()) {
      try {
        writeKernelFile(entrance, pid);
      } catch {
        // It is gone: that is all that is wanted of it.
      }
    }
  }

  /** Who is in any of the directories: an agent that was killed while it attached a process left it in some only. */
  #members(): Set<number> {
    return new Set(
      this.#directories().flatMap((path) => (tryReadKernelFile(join(path, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number)),
    );
  }
}

function removed(path: string): boolean {
  try {
    for (const child of existsSync(path) ? readdirSync(path, { withFileTypes: true }) : []) {
      if (child.isDirectory() && !removed(join(path, child.name))) return false;
    }
    rmdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
}

/** Every task has stopped: as long as one has not, the file says FREEZING. */
function isFrozen({ value, readFrom }: Reading): Reading {
  return { value: value === null ? null : value === 'FROZEN', readFrom };
}
