import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Reading } from '../../evidence.ts';
import { readKernelFile, tryReadKernelFile, writeKernelFile } from '../../linux/kernel-file.ts';
import { killWhoAreStill } from '../../linux/process-handle.ts';
import { type Cgroup, cpuPeriodUs } from './cgroup.ts';
import { waitUntil } from './wait-until.ts';

export const v1Controllers = ['cpu', 'cpuacct', 'memory', 'pids', 'freezer', 'devices', 'blkio'] as const;
export type V1Controller = (typeof v1Controllers)[number];
export type V1Roots = Readonly<Record<V1Controller, string>>;

const removeTimeoutMs = 5_000;
/** Of the memory size: how much may wait in sockets beside it. */
const socketBufferShare = 4;
const killedAtOnce = 64;
/** null, zero, full, random, urandom, tty, and the ends of pseudo terminals: what runc and crun allow by default. */
const allowedDevices = ['c 1:3 rwm', 'c 1:5 rwm', 'c 1:7 rwm', 'c 1:8 rwm', 'c 1:9 rwm', 'c 5:0 rwm', 'c 5:2 rwm', 'c 136:* rwm'];

/** An environment's groups on a v1 or hybrid host: one directory of the same name under each controller. */
export class V1Cgroup implements Cgroup {
  readonly #paths: V1Roots;

  constructor(roots: V1Roots, name: string) {
    this.#paths = Object.fromEntries(v1Controllers.map((controller) => [controller, join(roots[controller], name)])) as V1Roots;
  }

  get memoryPeakPath(): string {
    return join(this.#paths.memory, 'memory.max_usage_in_bytes');
  }

  create({ memorySizeMiB, maxProcesses }: { readonly memorySizeMiB: number; readonly maxProcesses: number }): void {
    for (const path of this.#directories()) mkdirSync(path, { recursive: true });
    writeKernelFile(join(this.#paths.memory, 'memory.limit_in_bytes'), memorySizeMiB * 1024 * 1024);
    this.#forbidSwap();
    this.#limitSocketBuffers(memorySizeMiB);
    writeKernelFile(join(this.#paths.pids, 'pids.max'), maxProcesses);
    writeKernelFile(join(this.#paths.cpu, 'cpu.cfs_period_us'), cpuPeriodUs);
    writeKernelFile(join(this.#paths.devices, 'devices.deny'), 'a');
    for (const rule of allowedDevices) writeKernelFile(join(this.#paths.devices, 'devices.allow'), rule);
  }

  attach(pid: number): void {
    for (const path of this.#directories()) writeKernelFile(join(path, 'cgroup.procs'), pid);
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

  processes(): number[] {
    return (tryReadKernelFile(join(this.#paths.freezer, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  }

  async kill(): Promise<void> {
    await waitUntil(() => this.#killOnce(), { what: 'kill control group', timeoutMs: removeTimeoutMs });
  }

  outOfMemoryKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(tryReadKernelFile(join(this.#paths.memory, 'memory.oom_control')) ?? '')?.[1] ?? 0);
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
      cpuQuotaUs: read('cpu', 'cpu.cfs_quota_us'),
      cpuPeriodUs: read('cpu', 'cpu.cfs_period_us'),
      processesMax: read('pids', 'pids.max'),
      processesNow: read('pids', 'pids.current'),
      freezer: read('freezer', 'freezer.state'),
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
  #killOnce(): boolean {
    if (this.#members().size === 0) return true;
    const freezer = join(this.#paths.freezer, 'freezer.state');
    if (existsSync(freezer)) writeKernelFile(freezer, 'FROZEN');
    // In portions: each look reads every list of the group, and a function may have filled these.
    const pids = [...this.#members()];
    for (let index = 0; index < pids.length; index += killedAtOnce) killWhoAreStill(pids.slice(index, index + killedAtOnce), () => this.#members());
    if (existsSync(freezer)) this.thaw();
    return this.#members().size === 0;
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
