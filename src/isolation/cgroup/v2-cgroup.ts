import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Reading } from '../../evidence.ts';
import { readKernelFile, tryReadKernelFile, writeKernelFile } from '../../linux/kernel-file.ts';
import { type Cgroup, cpuPeriodUs } from './cgroup.ts';
import { waitUntil } from './wait-until.ts';

const timeoutMs = 5_000;

/** An environment's group on a pure cgroup v2 host (Documentation/admin-guide/cgroup-v2.rst). Devices are the OCI runtime's: v2 has no files for them. */
export class V2Cgroup implements Cgroup {
  readonly #path: string;

  constructor(root: string, name: string) {
    this.#path = join(root, name);
  }

  get memoryPeakPath(): string {
    return join(this.#path, 'memory.peak');
  }

  create({ memorySizeMiB, maxProcesses }: { readonly memorySizeMiB: number; readonly maxProcesses: number }): void {
    mkdirSync(this.#path, { recursive: true });
    this.#write('memory.max', memorySizeMiB * 1024 * 1024);
    if (existsSync(join(this.#path, 'memory.swap.max'))) this.#write('memory.swap.max', 0);
    this.#write('memory.oom.group', 1);
    this.#write('pids.max', maxProcesses);
  }

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

  processes(): number[] {
    return (tryReadKernelFile(join(this.#path, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  }

  async kill(): Promise<void> {
    if (!existsSync(this.#path)) return;
    this.#write('cgroup.kill', 1);
    await waitUntil(() => this.processes().length === 0, { what: 'kill control group', timeoutMs });
  }

  outOfMemoryKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(tryReadKernelFile(join(this.#path, 'memory.events')) ?? '')?.[1] ?? 0);
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
      cpuMax: read('cpu.max'),
      processesMax: read('pids.max'),
      processesNow: read('pids.current'),
      freezer: read('cgroup.freeze'),
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
