import type { Reading } from '../../evidence.ts';
import { memoryPerVcpuMiB } from '../../functions/memory-per-vcpu.ts';

/** Short, so that a quota is felt evenly; the kernel's least quota of 1 ms still allows 128 MiB its share. */
export const cpuPeriodUs = 20_000;

/** CPU time per period that a memory size earns, in microseconds. */
export function cpuQuotaUs(memorySizeMiB: number): number {
  return Math.max(1_000, Math.round((memorySizeMiB / memoryPerVcpuMiB) * cpuPeriodUs));
}

/**
 * Of the kernel's neutral weight, which stands for 1 vCPU: what a group gets of processors that more want than there are. A group of less than
 * a vCPU is held to its share by its quota; a smaller weight would only have it wait longer for each turn, behind one that spins.
 */
export function cpuShare(memorySizeMiB: number): number {
  return Math.max(1, memorySizeMiB / memoryPerVcpuMiB);
}

/** As `cpuShare`, of the agent and the daemon: they do little, and must do it at once while every environment spins. */
export const protectedCpuShare = 10;

/** A device node that a function may open: `minor` undefined stands for all of them. */
export interface DeviceRule {
  readonly type: 'c';
  readonly major: number;
  readonly minor?: number;
}

/** null, zero, full, random, urandom, tty, and the ends of pseudo terminals: what runc and crun allow by default. */
export const allowedDevices: readonly DeviceRule[] = [
  { type: 'c', major: 1, minor: 3 },
  { type: 'c', major: 1, minor: 5 },
  { type: 'c', major: 1, minor: 7 },
  { type: 'c', major: 1, minor: 8 },
  { type: 'c', major: 1, minor: 9 },
  { type: 'c', major: 5, minor: 0 },
  { type: 'c', major: 5, minor: 2 },
  { type: 'c', major: 136 },
];

/** What the OCI runtime does for a group that it is given (runtime-spec, config-linux.md): cgroup v2 has no files for devices, only BPF programs. */
export interface OciCgroup {
  readonly cgroupsPath: string;
  readonly resources: { readonly devices: readonly (Partial<DeviceRule> & { readonly allow: boolean; readonly access: 'rwm' })[] };
}

export interface CgroupLimits {
  readonly memorySizeMiB: number;
  readonly maxProcesses: number;
}

/** The control group of one environment, over whichever cgroup version the host has. Paths are arguments, so it works on plain files in unit tests. */
export interface Cgroup {
  /** Makes the group with its limits of memory and processes, its weight and, on v1, its devices. Without limits: the group alone. */
  create(limits?: CgroupLimits): void;
  /** For the agent and the daemon: a weight that lets them answer while environments spin and, on v2, memory that is not taken from them. */
  protect(memoryMiB: number): void;
  attach(pid: number): void;
  /** Files into which a process writes 0 to enter the group by itself; none where the OCI runtime enters what it is given. */
  readonly entrances: readonly string[];
  /** `undefined` lifts the limit. */
  setCpuQuota(quotaUs: number | undefined): void;
  /** Resolves when the kernel says that every task has stopped. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Opens the file that `freezerWords` are written to, for writing alone; the caller closes it. It answers ENODEV once the group is gone. */
  openFreezer(): number;
  readonly freezerWords: { readonly frozen: string; readonly thawed: string };
  processes(): number[];
  /** Kills every process of the group, also one that forks meanwhile, whoever writes to its freezer; resolves when none is left. */
  kill(): Promise<void>;
  outOfMemoryKills(): number;
  /** Tells that the group ran out of memory, as the kernel tells it: the kill that follows may not be counted yet. */
  onOutOfMemory(listener: () => void): Disposable;
  memoryUsageBytes(): number;
  /** A file with the highest memory use so far, in bytes. */
  readonly memoryPeakPath: string;
  /** Undefined where all of it is this code's own. */
  readonly oci: OciCgroup | undefined;
  readings(): Readonly<Record<string, Reading>>;
  /** Removes the group; a group that is gone is no error. */
  remove(): Promise<void>;
}

export type CgroupMode = 'v1' | 'hybrid' | 'v2';
