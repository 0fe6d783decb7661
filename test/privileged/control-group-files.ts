import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectCgroups } from '../../src/isolation/cgroup/cgroup-host.ts';

const { mode, v1Mounts } = detectCgroups(readFileSync('/proc/self/mountinfo', 'utf8'));

/** Files of one control group as the host sees them, whichever version it has: not through Cloister. */
export class ControlGroupFiles {
  readonly #path: string;

  constructor(name: string) {
    this.#path = name;
  }

  /** Where a living process is. */
  static of(pid: number): ControlGroupFiles {
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
    const line = lines.find((entry) => (mode === 'v2' ? entry.startsWith('0:') : /:memory:/.test(entry)));
    return new ControlGroupFiles(line?.split(':').slice(2).join(':') ?? '/');
  }

  get name(): string {
    return this.#path;
  }

  read(controller: string, v1File: string, v2File: string): string {
    return readFileSync(this.file(controller, v1File, v2File), 'utf8').trim();
  }

  processes(): number[] {
    return this.read('freezer', 'cgroup.procs', 'cgroup.procs').split('\n').filter(Boolean).map(Number);
  }

  /** CPU time so far, user and system. */
  cpuSeconds(): number {
    if (mode !== 'v2') return Number(this.read('cpuacct', 'cpuacct.usage', '')) / 1e9;
    return Number(/^usage_usec (\d+)$/m.exec(this.read('cpu', '', 'cpu.stat'))?.[1]) / 1e6;
  }

  /** Every task has stopped. */
  get isFrozen(): boolean {
    return mode === 'v2' ? /^frozen 1$/m.test(this.read('', '', 'cgroup.events')) : this.read('freezer', 'freezer.state', '') === 'FROZEN';
  }

  outOfMemoryKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(this.read('memory', 'memory.oom_control', 'memory.events'))?.[1]);
  }

  /** Of one controller, where the host keeps them apart. */
  attach(controller: string, pid: number): void {
    writeFileSync(this.file(controller, 'cgroup.procs', 'cgroup.procs'), String(pid));
  }

  /** Of one controller, where the host keeps them apart. */
  file(controller: string, v1File: string, v2File: string): string {
    return mode === 'v2' ? join('/sys/fs/cgroup', this.#path, v2File) : join(v1Mounts.get(controller) ?? '', this.#path, v1File);
  }
}
