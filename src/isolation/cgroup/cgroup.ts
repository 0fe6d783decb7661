import type { Reading } from '../../evidence.ts';

/** 1 vCPU per 1,769 MiB, as AWS documents for Lambda. */
export const memoryPerVcpuMiB = 1_769;
/** Short, so that a quota is felt evenly; the kernel's least quota of 1 ms still allows 128 MiB its share. */
export const cpuPeriodUs = 20_000;

/** CPU time per period that a memory size earns, in microseconds. */
export function cpuQuotaUs(memorySizeMiB: number): number {
  return Math.max(1_000, Math.round((memorySizeMiB / memoryPerVcpuMiB) * cpuPeriodUs));
}

/** The control group of one environment, over whichever cgroup version the host has. Paths are arguments, so it works on plain files in unit tests. */
export interface Cgroup {
  /** Makes the group with its limits of memory and processes and, on v1, of devices. */
  create(limits: { readonly memorySizeMiB: number; readonly maxProcesses: number }): void;
  attach(pid: number): void;
  /** `undefined` lifts the limit. */
  setCpuQuota(quotaUs: number | undefined): void;
  freeze(): Promise<void>;
  thaw(): void;
  processes(): number[];
  /** Kills every process of the group, also one that forks meanwhile; resolves when none is left. */
  kill(): Promise<void>;
  outOfMemoryKills(): number;
  /** A file with the highest memory use so far, in bytes. */
  readonly memoryPeakPath: string;
  readings(): Readonly<Record<string, Reading>>;
  /** Removes the group; a group that is gone is no error. */
  remove(): Promise<void>;
}

export type CgroupMode = 'v1' | 'hybrid' | 'v2';
