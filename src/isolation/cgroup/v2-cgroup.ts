import { constants, existsSync, mkdirSync, openSync, rmdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Reading } from '../../evidence.ts';
import { readKernelFile, tryReadKernelFile, writeKernelFile } from '../../linux/kernel-file.ts';
import { allowedDevices, type Cgroup, type CgroupLimits, cpuPeriodUs, cpuShare, type OciCgroup, protectedCpuShare } from './cgroup.ts';
import { waitUntil } from './wait-until.ts';

const timeoutMs = 5_000;
/** cpu.weight: what a group has unless told otherwise, and the most it can have. */
const neutralWeight = 100;
const mostWeight = 10_000;

/** An environment's group on a pure cgroup v2 host (Documentation/admin-guide/cgroup-v2.rst). Devices are the OCI runtime's: v2 has no files for them. */
export class V2Cgroup implements Cgroup {
  readonly oci: OciCgroup;
  readonly freezerWords = { frozen: '1', thawed: '0' };
  readonly #path: string;

  constructor(root: string, name: string) {
    this.#path = join(root, name);
    // ORDER: rules are taken in turn, the last that matches counts.
    const devices = [{ allow: false, access: 'rwm' } as const, ...allowedDevices.map((rule) => ({ ...rule, allow: true, access: 'rwm' }) as const)];
    this.oci = { cgroupsPath: `/${name}`, resources: { devices } };
  }

  get memoryPeakPath(): string {
    return join(this.#path, 'memory.peak');
  }

  create(limits?: CgroupLimits): void {
    mkdirSync(this.#path, { recursive: true });
    if (limits === undefined) return;
    const { memorySizeMiB, maxProcesses } = limits;
    this.#write('memory.max', memorySizeMiB * 1024 * 1024);
    if (existsSync(join(this.#path, 'memory.swap.max'))) this.#write('memory.swap.max', 0);
    this.#write('memory.oom.group', 1);
    this.#write('pids.max', maxProcesses);
    this.#write('cpu.weight', Math.min(mostWeight, Math.round(neutralWeight * cpuShare(memorySizeMiB))));
    // Kernels before 5.14 have no burst to forbid.
    if (existsSync(join(this.#path, 'cpu.max.burst'))) this.#write('cpu.max.burst', 0);
  }

  protect(memoryMiB: number): void {
    this.#write('cpu.weight', neutralWeight * protectedCpuShare);
    this.#write('memory.min', memoryMiB * 1024 * 1024);
  }

  readonly entrances: readonly string[] = [];

  attach(pid: number): void {
    this.#write('cgroup.procs', pid);
  }

  setCpuQuota(quotaUs: number | undefined): void {
    this.#write('cpu.max', `${quotaUs ?? 'max'} ${cpuPeriodUs}`);
  }

  async freeze(): Promise<void> {
    this.#write('cgroup.freeze', 1);
    await waitUntil(() => /^frozen 1$/m.test(this.#read('cgroup.events')), { what: 'freeze', timeoutMs });
  }

  thaw(): void {
    this.#write('cgroup.freeze', 0);
  }

  openFreezer(): number {
    return openSync(join(this.#path, 'cgroup.freeze'), constants.O_WRONLY);
  }

  processes(): number[] {
    return (tryReadKernelFile(join(this.#path, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  }

  async kill(): Promise<void> {
    if (!existsSync(this.#path)) return;
    // It reaches who is frozen as well ("cgroup.freeze").
    this.#write('cgroup.kill', 1);
    await waitUntil(() => this.processes().length === 0, { what: 'kill control group', timeoutMs });
  }

  outOfMemoryKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(tryReadKernelFile(join(this.#path, 'memory.events')) ?? '')?.[1] ?? 0);
  }

  /** The kernel notes a change of memory.events by inotify; memory.oom.group has it kill the whole group. */
  onOutOfMemory(listener: () => void): Disposable {
    const watcher = watch(join(this.#path, 'memory.events'), { persistent: false }, listener);
    watcher.on('error', () => undefined);
    return { [Symbol.dispose]: () => watcher.close() };
  }

  memoryUsageBytes(): number {
    return Number(tryReadKernelFile(join(this.#path, 'memory.current')) ?? 0);
  }

  readings(): Readonly<Record<string, Reading>> {
    const read = (file: string): Reading => {
      const path = join(this.#path, file);
      return { value: tryReadKernelFile(path) ?? null, readFrom: path };
    };
    return {
      memoryLimitBytes: read('memory.max'),
      memoryUsageBytes: read('memory.current'),
      memoryPeakBytes: read('memory.peak'),
      swapLimitBytes: read('memory.swap.max'),
      outOfMemory: read('memory.events'),
      cpuMax: read('cpu.max'),
      cpuMaxBurstUs: read('cpu.max.burst'),
      cpuWeight: read('cpu.weight'),
      cpuThrottling: read('cpu.stat'),
      processesMax: read('pids.max'),
      processesNow: read('pids.current'),
      processesRefused: read('pids.events'),
      freezer: read('cgroup.freeze'),
      frozen: isFrozen(read('cgroup.events')),
      cpuUsageNs: usage(read('cpu.stat')),
      cpuPressure: read('cpu.pressure'),
      memoryPressure: read('memory.pressure'),
      ioPressure: read('io.pressure'),
    };
  }

  async remove(): Promise<void> {
    await waitUntil(() => this.#removeOnce(), { what: 'remove control group', timeoutMs });
  }

  #removeOnce(): boolean {
    try {
      rmdirSync(this.#path);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return true;
      if (code === 'EBUSY') return false;
      throw error;
    }
  }

  #write(file: string, value: string | number): void {
    writeKernelFile(join(this.#path, file), value);
  }

  #read(file: string): string {
    return readKernelFile(join(this.#path, file));
  }
}

/** Every task has stopped: `cgroup.freeze` says only that they are to. */
function isFrozen({ value, readFrom }: Reading): Reading {
  return { value: value === null ? null : /^frozen 1$/m.test(String(value)), readFrom };
}

function usage({ value, readFrom }: Reading): Reading {
  const microseconds = /^usage_usec (\d+)$/m.exec(String(value))?.[1];
  return { value: microseconds === undefined ? null : `${microseconds}000`, readFrom };
}
