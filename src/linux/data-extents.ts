import { fstatSync } from 'node:fs';
import { SystemCallError, systemCall } from './libc.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const lseek = systemCall('int64_t lseek(int fd, int64_t offset, int whence)');

/** The parts of a sparse file that hold data (lseek(2), SEEK_DATA), in bytes. */
export function dataExtents(fd: number): { readonly offset: number; readonly length: number }[] {
  const { size } = fstatSync(fd);
  const extents = [];
  for (let end = 0; end < size; ) {
    const offset = nextData(fd, end);
    if (offset === undefined) break;
    end = Number(lseek(undefined, fd, offset, SEEK_HOLE));
    extents.push({ offset, length: end - offset });
  }
  return extents;
}

function nextData(fd: number, from: number): number | undefined {
  try {
    return Number(lseek(undefined, fd, from, SEEK_DATA));
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === 'ENXIO') return undefined;
    throw error;
  }
}
