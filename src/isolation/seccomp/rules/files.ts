import { anyOf, type Rule, without } from '../rule.ts';

// linux/fs.h: all RWF_ flags but DSYNC (2), SYNC (4) and APPEND (0x10).
const refusedReadWriteFlags = 0xffff_ffe9;
// linux/stat.h
const S_IFMT = 0xf000;
const fileType = (index: number, type: number) => ({ index, mask: S_IFMT, value: type });
const plainFileTypes = { none: 0, S_IFIFO: 0x1000, S_IFREG: 0x8000, S_IFSOCK: 0xc000 };

const reading: readonly Rule[] = [
  {
    answer: 'allow',
    reason: 'reading, writing and positioning in open files',
    names: ['read', 'write', 'readv', 'writev', 'pread64', 'pwrite64', 'preadv', 'pwritev', 'lseek'],
  },
  { answer: 'allow', reason: 'copies inside the kernel: cp, fs.copyFile, shutil and FileChannel.transferTo', names: ['sendfile', 'copy_file_range'] },
  {
    answer: 'allow',
    reason: 'vectored access with durability and append flags; RWF_NOWAIT would show what a neighbour has in the page cache',
    names: ['preadv2', 'pwritev2'],
    when: [[without(5, refusedReadWriteFlags)]],
  },
  { answer: 'allow', reason: 'read-ahead of its own files', names: ['readahead'] },
  {
    answer: 'allow',
    reason: 'access hints, but not POSIX_FADV_DONTNEED: it drops pages of images that neighbours share, to watch them being read again',
    names: ['fadvise64'],
    when: anyOf(3, { NORMAL: 0, RANDOM: 1, SEQUENTIAL: 2, WILLNEED: 3, NOREUSE: 5 }),
  },
  {
    answer: 'EINVAL',
    reason:
      'pages moved between pipes and the page cache by reference: how CVE-2022-0847 wrote to read-only images; EINVAL makes Go and Rust copy instead',
    names: ['splice', 'tee', 'vmsplice'],
  },
];

const opening: readonly Rule[] = [
  { answer: 'allow', reason: 'opening and closing files', names: ['open', 'openat', 'openat2', 'creat', 'close', 'close_range'] },
  { answer: 'allow', reason: 'duplicating descriptors and making pipes', names: ['dup', 'dup2', 'dup3', 'pipe', 'pipe2'] },
  { answer: 'allow', reason: 'locks of whole files', names: ['flock'] },
  {
    answer: 'allow',
    reason: 'descriptors of events, timers and signals',
    names: ['eventfd', 'eventfd2', 'timerfd_create', 'timerfd_settime', 'timerfd_gettime', 'signalfd', 'signalfd4'],
  },
  {
    answer: 'allow',
    reason: 'an inotify descriptor by itself, which runtimes open before they know whether they watch anything',
    names: ['inotify_init', 'inotify_init1', 'inotify_rm_watch'],
  },
  {
    answer: 'ENOSPC',
    reason:
      "a watch on a file of a shared image tells each time a neighbour opens or reads it; ENOSPC makes programs poll instead (tail, .NET's watcher)",
    names: ['inotify_add_watch'],
  },
  {
    answer: 'EPERM',
    reason: 'watching whole mounts and file systems',
    names: ['fanotify_init', 'fanotify_mark'],
  },
];

const naming: readonly Rule[] = [
  {
    answer: 'allow',
    reason: 'describing files and file systems',
    names: ['stat', 'fstat', 'lstat', 'newfstatat', 'statx', 'statfs', 'fstatfs', 'access', 'faccessat', 'faccessat2', 'readlink', 'readlinkat'],
  },
  { answer: 'allow', reason: 'listing directories', names: ['getdents', 'getdents64'] },
  {
    answer: 'allow',
    reason: 'making, moving and removing names in /tmp',
    names: ['mkdir', 'mkdirat', 'rmdir', 'unlink', 'unlinkat', 'rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat'],
  },
  {
    answer: 'allow',
    reason: 'modes, owners, times and sizes of its own files',
    names: [
      'chmod',
      'fchmod',
      'fchmodat',
      'fchmodat2',
      'chown',
      'fchown',
      'lchown',
      'fchownat',
      'truncate',
      'ftruncate',
      'fallocate',
      'utime',
      'utimes',
      'utimensat',
      'futimesat',
      'umask',
    ],
  },
  {
    answer: 'allow',
    reason: 'extended attributes in /tmp',
    names: [
      'getxattr',
      'lgetxattr',
      'fgetxattr',
      'listxattr',
      'llistxattr',
      'flistxattr',
      'setxattr',
      'lsetxattr',
      'fsetxattr',
      'removexattr',
      'lremovexattr',
      'fremovexattr',
    ],
  },
  {
    answer: 'ENOSYS',
    reason: 'extended attributes by directory: the older calls do the same',
    names: ['setxattrat', 'getxattrat', 'listxattrat', 'removexattrat'],
  },
  { answer: 'ENOSYS', reason: "a file system's own attributes, which ioctl of type f would reach too", names: ['file_getattr', 'file_setattr'] },
  { answer: 'allow', reason: 'making what it wrote durable', names: ['fsync', 'fdatasync', 'syncfs', 'sync_file_range'] },
  { answer: 'EPERM', reason: 'writes back every file system of the host, those of neighbours too, as often as asked', names: ['sync'] },
  { answer: 'allow', reason: 'the working directory', names: ['chdir', 'fchdir', 'getcwd'] },
  {
    answer: 'allow',
    reason: 'FIFOs, sockets and plain files; devices, among them the whiteout that takes no capability, are refused',
    names: ['mknod'],
    when: Object.values(plainFileTypes).map((type) => [fileType(1, type)]),
  },
  {
    answer: 'allow',
    reason: 'the same by directory',
    names: ['mknodat'],
    when: Object.values(plainFileTypes).map((type) => [fileType(2, type)]),
  },
  { answer: 'EPERM', reason: 'devices', names: ['mknod'], when: [[fileType(1, 0x2000)], [fileType(1, 0x6000)]] },
  { answer: 'EPERM', reason: 'devices', names: ['mknodat'], when: [[fileType(2, 0x2000)], [fileType(2, 0x6000)]] },
  { answer: 'EPERM', reason: 'opening files by handle passes by every path check', names: ['open_by_handle_at', 'name_to_handle_at'] },
];

// asm-generic/fcntl.h, linux/fcntl.h
const fileControl: readonly Rule[] = [
  {
    answer: 'allow',
    reason: 'flags, duplicates, locks, pipe sizes and seals',
    names: ['fcntl'],
    when: anyOf(1, {
      F_DUPFD: 0,
      F_GETFD: 1,
      F_SETFD: 2,
      F_GETFL: 3,
      F_SETFL: 4,
      F_GETLK: 5,
      F_SETLK: 6,
      F_SETLKW: 7,
      F_OFD_GETLK: 36,
      F_OFD_SETLK: 37,
      F_OFD_SETLKW: 38,
      F_DUPFD_QUERY: 1027,
      F_CREATED_QUERY: 1028,
      F_DUPFD_CLOEXEC: 1030,
      F_SETPIPE_SZ: 1031,
      F_GETPIPE_SZ: 1032,
      F_ADD_SEALS: 1033,
      F_GET_SEALS: 1034,
    }),
  },
  {
    answer: 'EPERM',
    reason: "leases, delegations and directory notices are kept on the file itself and so tell of a neighbour's use of a shared image",
    names: ['fcntl'],
    when: anyOf(1, { F_SETLEASE: 1024, F_GETLEASE: 1025, F_NOTIFY: 1026, F_GETDELEG: 1039, F_SETDELEG: 1040 }),
  },
  {
    answer: 'EINVAL',
    reason: 'signals on readiness, in place of which everything uses epoll, and write hints, which stay on the file',
    names: ['fcntl'],
    when: anyOf(1, {
      F_SETOWN: 8,
      F_GETOWN: 9,
      F_SETSIG: 10,
      F_GETSIG: 11,
      F_SETOWN_EX: 15,
      F_GETOWN_EX: 16,
      F_GETOWNER_UIDS: 17,
      F_GET_RW_HINT: 1035,
      F_SET_RW_HINT: 1036,
      F_GET_FILE_RW_HINT: 1037,
      F_SET_FILE_RW_HINT: 1038,
    }),
  },
  {
    answer: 'ENOSYS',
    reason: 'asynchronous input and output of its own: io_setup is refused, so there is nothing to use these on',
    names: ['io_submit', 'io_cancel', 'io_getevents', 'io_pgetevents', 'io_destroy'],
  },
  { answer: 'EPERM', reason: 'native asynchronous input and output: all users share fs.aio-max-nr, one io_setup takes it', names: ['io_setup'] },
];

/** Files, descriptors and names. */
export const fileRules: readonly Rule[] = [...reading, ...opening, ...naming, ...fileControl];
