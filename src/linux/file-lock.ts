import { SystemCallError, systemCall } from './libc.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;
const flock = systemCall('int flock(int fd, int operation)');

/** Takes the exclusive lock of an open file without waiting (flock(2)): false when somebody else holds it. The lock ends with the last copy of `fd`. */
export function tryLock(fd: number, path: string): boolean {
  try {
    flock(path, fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === 'EWOULDBLOCK') return false;
    if (error instanceof SystemCallError && error.errno === 'EAGAIN') return false;
    throw error;
  }
}
