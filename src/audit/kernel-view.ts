import { readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A value of the kernel's with the file it was read from. */
export interface Counter {
  readonly value: number;
  readonly readFrom: string;
}

export interface MountedAt {
  readonly target: string;
  readonly type: string;
  readonly options: string;
  /** `major:minor`. */
  readonly device: string;
}

/** What the kernel says, outside, of one environment at one moment. */
export interface KernelReading {
  /** The function's process, as the host counts; 0 when it is gone. */
  readonly pid: number;
  /** PID 1 of the environment, as the host counts. */
  readonly initPid: number;
  /** Lines of /proc/<pid>/status. */
  readonly status: Readonly<Record<string, string>>;
  readonly namespaces: Readonly<Record<string, { readonly inode: string; readonly ofHost: string }>>;
  readonly mounts: readonly MountedAt[];
  readonly limits: string;
  readonly routes: string;
  readonly counters: Readonly<Record<string, Counter>>;
}

/** Lines of net/tcp (proc(5)): local port 9001, state 01, established. */
const establishedAtRuntimeApi = /^\s*\d+: [0-9A-F]{8}:2329 \S+ 01 /gm;
const namespaceNames = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'time'] as const;

/** Reads everything of an environment whose processes, as the host counts, are `pids`. Files that are gone leave their part empty. */
export function readKernel(pids: readonly number[], groups: Readonly<Record<string, string>>): KernelReading {
  const initPid = pids.find((pid) => isFirst(pid)) ?? 0;
  const pid = pids.find((one) => one !== initPid && parentOf(one) === initPid) ?? pids.find((one) => one !== initPid) ?? 0;
  return {
    pid,
    initPid,
    status: statusOf(pid),
    namespaces: Object.fromEntries(namespaceNames.map((name) => [name, { inode: link(`/proc/${pid}/ns/${name}`), ofHost: hostNamespace(name) }])),
    mounts: mountsOf(pid),
    limits: read(`/proc/${pid}/limits`),
    routes: read(`/proc/${pid}/net/route`),
    counters: readCounters(groups, initPid),
  };
}

/** The host's namespace of a kind: PID 1's, or this process's own where nobody may look at PID 1. */
export function hostNamespace(name: string): string {
  return link(`/proc/1/ns/${name}`) || link(`/proc/self/ns/${name}`);
}

/** The directories of a process's control groups on this host, by controller; `unified` is cgroup v2's. */
export function controlGroupsOf(pid: number): Record<string, string> {
  const groups: Record<string, string> = {};
  const roots = controllerRoots();
  for (const line of read(`/proc/${pid}/cgroup`).split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.+)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers === '' ? ['unified'] : controllers.split(',')) {
      const root = roots.get(controller);
      if (root !== undefined) groups[controller] = join(root, path);
    }
  }
  return groups;
}

/** Events that the kernel has counted for an environment's control groups so far, for the daemon's and for the host; `initPid` names its network namespace. */
export function readCounters(groups: Readonly<Record<string, string>>, initPid = 0): Record<string, Counter> {
  const [pids, memory, cpu] = ['pids', 'memory', 'cpu'].map((controller) => groups[controller] ?? groups['unified'] ?? '');
  const counters: Record<string, Counter> = {};
  const add = (name: string, path: string, pattern: RegExp) => {
    const value = pattern.exec(read(path))?.[1];
    if (value !== undefined) counters[name] = { value: Number(value), readFrom: path };
  };
  add('pidsMaxHits', `${pids}/pids.events`, /^max (\d+)/m);
  add('pidsMax', `${pids}/pids.max`, /^(\d+)/);
  add('oomKills', `${memory}/memory.oom_control`, /^oom_kill (\d+)/m);
  add('oomKills', `${memory}/memory.events`, /^oom_kill (\d+)/m);
  add('memoryLimitHits', `${memory}/memory.failcnt`, /^(\d+)/);
  add('memoryLimitHits', `${memory}/memory.events`, /^max (\d+)/m);
  add('memoryPeakBytes', `${memory}/memory.max_usage_in_bytes`, /^(\d+)/);
  add('memoryPeakBytes', `${memory}/memory.peak`, /^(\d+)/);
  add('memoryLimitBytes', `${memory}/memory.limit_in_bytes`, /^(\d+)/);
  add('memoryLimitBytes', `${memory}/memory.max`, /^(\d+)/);
  add('throttledPeriods', `${cpu}/cpu.stat`, /^nr_throttled (\d+)/m);
  add('throttledTime', `${cpu}/cpu.stat`, /^throttled_(?:time|usec) (\d+)/m);
  add('oomKillsOfHost', '/proc/vmstat', /^oom_kill (\d+)/m);
  const daemon = join(dirname(groups['cpuacct'] ?? groups['unified'] ?? '/'), 'daemon');
  add('daemonCpuNs', `${daemon}/cpuacct.usage`, /^(\d+)/);
  add('daemonCpuUs', `${daemon}/cpu.stat`, /^usage_usec (\d+)/m);
  const connections = [...read(`/proc/${initPid}/net/tcp`).matchAll(establishedAtRuntimeApi)].length;
  if (initPid !== 0) counters['runtimeApiConnections'] = { value: connections, readFrom: `/proc/${initPid}/net/tcp` };
  const links = [...read(`/proc/${initPid}/net/dev`).matchAll(/^\s*(?!lo:)[^\s:]+:\s*\d+ +(\d+)(?: +\d+){7} +(\d+)/gm)];
  const sum = (group: number) => links.reduce((total, link) => total + Number(link[group]), 0);
  if (initPid !== 0) counters['packetsReceived'] = { value: sum(1), readFrom: `/proc/${initPid}/net/dev` };
  if (initPid !== 0) counters['packetsSent'] = { value: sum(2), readFrom: `/proc/${initPid}/net/dev` };
  const stopped = childrenOf(initPid).filter((pid) => / T /.test(read(`/proc/${pid}/stat`)));
  if (initPid !== 0) counters['stoppedProcesses'] = { value: stopped.length, readFrom: `/proc/${initPid}/task/${initPid}/children` };
  return counters;
}

/** Of these the most at once counts, not the last. */
export const peaks = ['runtimeApiConnections', 'stoppedProcesses'] as const;

/** How much a counter has moved between two readings; undefined where the kernel has none. */
export function moved(name: string, { before, after }: { readonly before: KernelReading; readonly after: KernelReading }): number | undefined {
  const [from, to] = [before.counters[name]?.value, after.counters[name]?.value];
  return to === undefined ? undefined : to - (from ?? 0);
}

/** The mount that holds a path inside: the longest mount point above it, and of several the last. */
export function mountOf(path: string, mounts: readonly MountedAt[]): MountedAt | undefined {
  const holders = mounts.filter(({ target }) => target === '/' || path === target || path.startsWith(`${target}/`));
  return holders.reduce<MountedAt | undefined>(
    (best, one) => (best === undefined || one.target.length >= best.target.length ? one : best),
    undefined,
  );
}

/** The file or device behind a loop device, from its `major:minor`. */
export function backingFileOf(device: string): string | undefined {
  return read(`/sys/dev/block/${device}/loop/backing_file`) || undefined;
}

/** What a block device has done so far (Documentation/admin-guide/iostats.rst), in sectors of 512 bytes. */
export function deviceUse(device: string): { readonly sectorsWritten: number; readonly readFrom: string } {
  const readFrom = `/sys/dev/block/${device}/stat`;
  const fields = read(readFrom).trim().split(/\s+/).map(Number);
  return { sectorsWritten: fields[6] ?? 0, readFrom };
}

function controllerRoots(): ReadonlyMap<string, string> {
  const roots = new Map<string, string>();
  for (const line of read('/proc/self/mountinfo').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const target = before.split(' ')[4] ?? '';
    const [type, , options = ''] = after.split(' ');
    if (type === 'cgroup2' && !roots.has('unified')) roots.set('unified', target);
    if (type === 'cgroup') for (const option of options.split(',')) if (!roots.has(option)) roots.set(option, target);
  }
  return roots;
}

function childrenOf(pid: number): string[] {
  return pid === 0 ? [] : read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
}

function isFirst(pid: number): boolean {
  return statusOf(pid)['NSpid']?.split(' ').at(-1) === '1';
}

function parentOf(pid: number): number {
  return Number(statusOf(pid)['PPid']);
}

function statusOf(pid: number): Record<string, string> {
  const lines = read(`/proc/${pid}/status`).split('\n');
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, value] = /^(\w+):\s*(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value.replaceAll('\t', ' ')]];
    }),
  );
}

function mountsOf(pid: number): MountedAt[] {
  return read(`/proc/${pid}/mountinfo`)
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , device = '', , target = '', options = ''] = before.split(' ');
      return { target, options, device, type: after.split(' ')[0] ?? '' };
    });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return /\[(\d+)\]/.exec(readlinkSync(path))?.[1] ?? '';
  } catch {
    return '';
  }
}
