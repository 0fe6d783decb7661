import koffi from 'koffi';
import { systemCallError } from './libc.ts';

const O_DIRECTORY = 0o200000;
const O_NOFOLLOW = 0o400000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const RESOLVE_NO_XDEV = 1;
const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_NO_SYMLINKS = 4;
const RESOLVE_BENEATH = 8;
const SYS_openat2 = 437;

koffi.struct('open_how', { flags: 'uint64_t', mode: 'uint64_t', resolve: 'uint64_t' });
// glibc has no wrapper of its own; the number is the same on every architecture.
const openat2 = koffi.load('libc.so.6').func('long syscall(long number, int dirfd, const char *path, open_how *how, size_t size)') as unknown as (
  ...args: unknown[]
) => number;

export interface OpenBeneathOptions {
  /** A descriptor of the directory that the path may not leave. */
  readonly directory: number;
  /** Relative, without a leading slash. */
  readonly path: string;
  readonly mustBeDirectory?: boolean;
  /** Whether the way may lead onto another mount. @default false */
  readonly acrossMounts?: boolean;
}

/**
 * An O_PATH descriptor of what lies at `path` below a directory (openat2(2)). SECURITY: no symbolic link, no magic link of /proc, no `..` out of the
 * directory and, unless asked for, no mount on the way: whoever made the tree cannot lead us anywhere else. Refusals are `SystemCall` errors (ELOOP, EXDEV,
 * ENOTDIR, ENOENT).
 */
export function openBeneath({ directory, path, mustBeDirectory = true, acrossMounts = false }: OpenBeneathOptions): number {
  const how = {
    flags: O_PATH | O_CLOEXEC | O_NOFOLLOW | (mustBeDirectory ? O_DIRECTORY : 0),
    mode: 0,
    resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | (acrossMounts ? 0 : RESOLVE_NO_XDEV),
  };
  const fd = openat2(SYS_openat2, directory, path, how, 24);
  if (fd < 0) throw systemCallError('openat2', path);
  return fd;
}
