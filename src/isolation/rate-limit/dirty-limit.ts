import { existsSync } from 'node:fs';
import { CloisterError } from '../../errors.ts';
import { tryReadKernelFile, writeKernelFile } from '../../linux/kernel-file.ts';

const mebibyte = 1_048_576;
const dirtySeconds = 1;
const [leastDirtyBytes, mostDirtyBytes] = [16 * mebibyte, 64 * mebibyte];
const usualDirtyBytes = 16 * mebibyte;
const unlimitedRatio = 100;

export interface DirtyLimitOptions {
  /** The device that only one environment writes to. */
  readonly number: string;
  readonly bytesPerSecond: number | undefined;
  /** Without cgroup writeback the environment's own memory limit does not bound what it has written and the device has not. */
  readonly required: boolean;
  /** @default '/sys/class/bdi' */
  readonly directory?: string;
}

/**
 * Bounds what is written to a device and not on it yet (Documentation/ABI/testing/sysfs-class-bdi), so that who writes waits himself, at the device's
 * pace, instead of filling the host's memory and keeping kernel threads busy after he is gone.
 */
export function limitDirtyPages({ number, bytesPerSecond, required, directory = '/sys/class/bdi' }: DirtyLimitOptions): void {
  const path = `${directory}/${number}`;
  if (!existsSync(`${path}/strict_limit`)) {
    if (!required) return;
    throw new CloisterError('WallUnavailable', 'limiting buffered writes needs cgroup v2, or Linux 6.2 with cgroup v1', {
      operation: 'limit dirty pages',
      path,
    });
  }
  const wanted = bytesPerSecond === undefined ? usualDirtyBytes : bytesPerSecond * dirtySeconds;
  // ORDER: bytes after the ratio, which they replace.
  writeKernelFile(`${path}/max_ratio`, unlimitedRatio);
  writeKernelFile(`${path}/max_bytes`, Math.round(Math.min(mostDirtyBytes, Math.max(leastDirtyBytes, wanted))));
  writeKernelFile(`${path}/strict_limit`, 1);
}

/** Devices are used again: the next user of it finds the kernel's defaults. */
export function liftDirtyLimit(number: string, directory = '/sys/class/bdi'): void {
  const path = `${directory}/${number}`;
  if (tryReadKernelFile(`${path}/strict_limit`) === undefined) return;
  writeKernelFile(`${path}/strict_limit`, 0);
  writeKernelFile(`${path}/max_ratio`, unlimitedRatio);
}
