import { existsSync, statfsSync, statSync } from 'node:fs';
import { CloisterError } from '../../errors.ts';
import { readKernelFile, tryReadKernelFile } from '../../linux/kernel-file.ts';

/** Magic numbers of file systems in memory (statfs(2)): no device is behind them. */
const inMemory: readonly number[] = [0x0102_1994, 0x8584_58f6];

/**
 * Number `major:minor` of the whole disk that a file lies on, as the throttle takes it: a partition has none of its own. Undefined for a file in memory.
 * Throws `WallUnavailable` where the file system hides its device (overlayfs, some of several devices).
 */
export function diskOf(path: string): string | undefined {
  const number = deviceNumber(statSync(path).dev);
  if (!number.startsWith('0:')) return wholeDisk(number);
  if (inMemory.includes(statfsSync(path).type)) return undefined;
  const source = mountSource(number);
  const found = source === undefined || !existsSync(source) ? undefined : statSync(source);
  if (found?.isBlockDevice() === true) return wholeDisk(deviceNumber(found.rdev));
  throw new CloisterError(
    'WallUnavailable',
    'block rate limits need a device that the kernel can throttle, and images or volumes lie on a file system that has none: put the data directory on ext4 or xfs',
    { operation: 'find block device', path },
  );
}

/** Number of a device node such as /dev/loop3. */
export function numberOfNode(device: string): string {
  return deviceNumber(statSync(device).rdev);
}

/** makedev(3), taken apart. */
function deviceNumber(device: number): string {
  const wide = BigInt(device);
  const major = ((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn & 0xffff_ffffn);
  const minor = (wide & 0xffn) | ((wide >> 12n) & ~0xffn & 0xffff_ffffn);
  return `${major}:${minor}`;
}

function wholeDisk(number: string): string {
  const path = `/sys/dev/block/${number}`;
  return existsSync(`${path}/partition`) ? readKernelFile(`${path}/../dev`) : number;
}

/** The source in mountinfo of the file system with this number: btrfs gives its files a number that is no device's. */
function mountSource(number: string): string | undefined {
  const line = (tryReadKernelFile('/proc/self/mountinfo') ?? '').split('\n').find((candidate) => candidate.split(' ')[2] === number);
  return line?.split(' - ')[1]?.split(' ')[1];
}
