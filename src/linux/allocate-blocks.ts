import { CloisterError } from '../errors.ts';
import { SystemCallError, systemCall } from './libc.ts';

const fallocate = systemCall('int fallocate(int fd, int mode, int64_t offset, int64_t length)');

/** Gives a file blocks for all of its first `sizeBytes` (fallocate(2)), and that size. Throws `NoCapacity` where the disk has not as many. */
export function allocateBlocks(fd: number, sizeBytes: number): void {
  try {
    fallocate(undefined, fd, 0, 0, sizeBytes);
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.errno !== 'ENOSPC') throw error;
    throw new CloisterError('NoCapacity', "the host's disk is full", { operation: 'allocate blocks', cause: error });
  }
}
