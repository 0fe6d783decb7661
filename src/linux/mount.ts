import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { systemCall } from './libc.ts';

/** mount(2) flags. */
export const mountFlags = {
  readOnly: 1,
  noSetuid: 2,
  noDevices: 4,
  noExec: 8,
  remount: 32,
  bind: 4096,
  move: 8192,
  recursive: 16384,
  private: 1 << 18,
} as const;

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0x80000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const MOUNT_ATTR_RDONLY = 1;
const MOUNT_ATTR_NOSUID = 2;
const MOUNT_ATTR_NODEV = 4;
const MOUNT_ATTR_NOEXEC = 8;
const MOUNT_ATTR_IDMAP = 0x100000;

const mountCall = systemCall('int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)');
const umount2 = systemCall('int umount2(const char *target, int flags)');
const openTree = systemCall('int open_tree(int dirfd, const char *path, unsigned int flags)');
const moveMount = systemCall('int move_mount(int fromFd, const char *from, int toFd, const char *to, unsigned int flags)');
koffi.struct('mount_attr', { attr_set: 'uint64_t', attr_clr: 'uint64_t', propagation: 'uint64_t', userns_fd: 'uint64_t' });
const mountSetattr = systemCall('int mount_setattr(int dirfd, const char *path, unsigned int flags, mount_attr *attributes, size_t size)');

export interface MountOptions {
  readonly source: string;
  readonly target: string;
  readonly type?: string;
  readonly flags?: number;
  readonly data?: string;
}

/** mount(2). A path that is a symbolic link is followed: give only paths that no function could have made. */
export function mount(options: MountOptions): void {
  mountCall(options.target, options.source, options.target, options.type ?? null, options.flags ?? 0, options.data ?? null);
}

/**
 * mount(2) of a device or an image file under another name: `name` is what mountinfo shows as the source, to everybody who gets a copy of the mount, where the
 * path would tell of the host's directories. The kernel takes a relative path as it is, so for this moment `name` is a link in `scratch`, a directory of ours.
 */
export function mountAs(name: string, scratch: string, options: MountOptions): void {
  const link = join(scratch, name);
  rmSync(link, { force: true });
  symlinkSync(options.source, link);
  const home = process.cwd();
  process.chdir(scratch);
  try {
    mount({ ...options, source: name });
  } finally {
    process.chdir(home);
    rmSync(link);
  }
}

/** Detaches a mount and all below it at once (umount2(2), MNT_DETACH), never following a link. */
export function unmount(target: string): void {
  umount2(target, target, MNT_DETACH | UMOUNT_NOFOLLOW);
}

export interface CloneMountOptions {
  readonly readOnly: boolean;
  readonly noExec?: boolean;
  /** A user namespace whose id map is laid over the file system (mount_setattr(2), MOUNT_ATTR_IDMAP). */
  readonly userNamespace?: number;
}

/** A detached copy of the mount at `path`, nosuid and nodev; the caller attaches or closes it. */
export function cloneMount(path: string, options: CloneMountOptions): number {
  const fd = openTree(path, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  const idmapped = options.userNamespace !== undefined;
  const attributes = {
    attr_set:
      MOUNT_ATTR_NOSUID |
      MOUNT_ATTR_NODEV |
      (options.readOnly ? MOUNT_ATTR_RDONLY : 0) |
      (options.noExec === true ? MOUNT_ATTR_NOEXEC : 0) |
      (idmapped ? MOUNT_ATTR_IDMAP : 0),
    attr_clr: 0,
    propagation: mountFlags.private,
    userns_fd: options.userNamespace ?? 0,
  };
  mountSetattr(path, fd, '', AT_EMPTY_PATH | AT_RECURSIVE, attributes, 32);
  return fd;
}

/** A detached copy of the mount at `path` with all its attributes. */
export function copyMount(path: string): number {
  return openTree(path, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

/** A detached, read-only copy of what an O_PATH descriptor of this thread's mount namespace refers to, with what is mounted below it: nosuid, nodev, noexec. */
export function copyMountReadOnly(directory: number): number {
  const fd = openTree(undefined, directory, '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
  const attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  mountSetattr(
    undefined,
    fd,
    '',
    AT_EMPTY_PATH | AT_RECURSIVE,
    { attr_set: attributes, attr_clr: 0, propagation: mountFlags.private, userns_fd: 0 },
    32,
  );
  return fd;
}

/** Makes a detached mount read-only. */
export function setMountReadOnly(fd: number): void {
  mountSetattr(undefined, fd, '', AT_EMPTY_PATH, { attr_set: MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 }, 32);
}

/** Attaches a detached mount on what an O_PATH descriptor of the mount namespace this thread is in refers to: no path is walked. */
export function attachMountOn(fd: number, target: number): void {
  moveMount(undefined, fd, '', target, '', MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/** Attaches a detached mount (move_mount(2)) at `target` in the mount namespace this thread is in. */
export function attachMount(fd: number, target: string): void {
  moveMount(target, fd, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}
