import koffi from 'koffi';
import { CloisterError } from '../errors.ts';
import { systemCall } from './libc.ts';

const pageBytes = 4_096;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MADV_DONTDUMP = 16;
const MADV_WIPEONFORK = 18;

const mmap = koffi
  .load('libc.so.6')
  .func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)') as unknown as (...args: unknown[]) => bigint;
const mlock = systemCall('int mlock(void *address, size_t length)');
const madvise = systemCall('int madvise(void *address, size_t length, int advice)');
const getrandom = systemCall('long getrandom(void *buffer, size_t length, unsigned int flags)');

let page: Buffer | undefined;

/**
 * Lends the process's one page for secrets, and wipes it whatever happens. SECURITY: the page is locked, so it never reaches swap (mlock(2)), is in no
 * core dump and in no child (madvise(2)), and lies outside the heaps of V8, which moves and copies what it holds. Throws `WallUnavailable` where it cannot be locked.
 */
export function withSecretPage<T>(work: (page: Buffer) => T): T {
  page ??= makePage();
  try {
    return work(page);
  } finally {
    page.fill(0);
  }
}

/** Fills memory from the kernel's generator (getrandom(2)): no library between keeps a state that could make the bytes again. */
export function fillRandom(target: Buffer): void {
  // Up to 256 bytes come whole and cannot be interrupted.
  getrandom(undefined, target, target.length, 0);
}

function makePage(): Buffer {
  const address = mmap(null, pageBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  try {
    mlock(undefined, address, pageBytes);
    madvise(undefined, address, pageBytes, MADV_DONTDUMP);
    madvise(undefined, address, pageBytes, MADV_WIPEONFORK);
  } catch (cause) {
    throw new CloisterError('WallUnavailable', 'memory for the key of /tmp could not be locked: raise the limit of locked memory (ulimit -l)', {
      operation: 'lock memory',
      cause,
    });
  }
  return Buffer.from(koffi.view(address, pageBytes));
}
