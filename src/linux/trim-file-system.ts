import { closeSync, openSync } from 'node:fs';
import { systemCall } from './libc.ts';

const FITRIM = 0xc018_5879;
const ioctl = systemCall('int ioctl(int fd, unsigned long request, uint8_t *argument)');

/** Tells the device below a file system which blocks hold nothing (ioctl FITRIM, fstrim(8)); a loop device gives them back to its file's disk. */
export function trimFileSystem(directory: string): void {
  // struct fstrim_range: start, length, least length of a run.
  const range = Buffer.alloc(24);
  range.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 8);
  const fd = openSync(directory, 'r');
  try {
    ioctl(directory, fd, FITRIM, range);
  } finally {
    closeSync(fd);
  }
}
