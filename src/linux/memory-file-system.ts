import { closeSync } from 'node:fs';
import { systemCall } from './libc.ts';

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOUNT_ATTR_NOSUID = 2;
const MOUNT_ATTR_NODEV = 4;
const MOUNT_ATTR_NOEXEC = 8;
const S_IFCHR = 0o020000;

const fsopen = systemCall('int fsopen(const char *type, unsigned int flags)');
const fsconfig = systemCall('int fsconfig(int fd, unsigned int command, const char *key, const char *value, int aux)');
const fsmount = systemCall('int fsmount(int fd, unsigned int flags, unsigned int attributes)');
const mknodat = systemCall('int mknodat(int dirfd, const char *path, unsigned int mode, uint64_t device)');

export interface MemoryFileSystemOptions {
  /** What mountinfo shows as its source. */
  readonly name: string;
  readonly sizeKiB: number;
  /** Owner of its top directory. */
  readonly ownerId: number;
  /** Whether its device nodes work. @default false */
  readonly devices?: boolean;
}

/** A new tmpfs as a detached mount (fsopen(2)), nosuid and noexec; the caller fills it through `/proc/self/fd`, attaches or closes it. */
export function makeMemoryFileSystem({ name, sizeKiB, ownerId, devices = false }: MemoryFileSystemOptions): number {
  const context = fsopen('tmpfs', 'tmpfs', FSOPEN_CLOEXEC);
  try {
    const settings = { source: name, mode: '755', size: `${sizeKiB}k`, uid: String(ownerId), gid: String(ownerId) };
    for (const [key, value] of Object.entries(settings)) fsconfig('tmpfs', context, FSCONFIG_SET_STRING, key, value, 0);
    fsconfig('tmpfs', context, FSCONFIG_CMD_CREATE, null, null, 0);
    return fsmount('tmpfs', context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | (devices ? 0 : MOUNT_ATTR_NODEV));
  } finally {
    closeSync(context);
  }
}

/** Makes a character device node `name` in a directory (mknod(2)); its permissions are for the caller to set. */
export function makeCharacterDevice(directory: number, name: string, major: number, minor: number): void {
  mknodat(name, directory, name, S_IFCHR, (major << 8) | minor);
}
