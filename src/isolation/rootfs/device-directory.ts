import { chmodSync, chownSync, lchownSync, symlinkSync } from 'node:fs';
import { closeAll } from '../../linux/descriptor.ts';
import { makeCharacterDevice, makeMemoryFileSystem } from '../../linux/memory-file-system.ts';
import { setMountReadOnly } from '../../linux/mount.ts';

/** Name, major and minor number (Documentation/admin-guide/devices.txt). Opening tty answers ENXIO, since nobody in there has a terminal. */
const devices = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
] as const;

const links = { fd: '/proc/self/fd', stdin: '/proc/self/fd/0', stdout: '/proc/self/fd/1', stderr: '/proc/self/fd/2' } as const;

/**
 * /dev as a detached, read-only mount: a tmpfs of its own, with nodes of its own. SECURITY: an OCI runtime in a user namespace can't make device nodes and
 * binds the host's instead: their inodes, and with them locks and watches, would be shared with the host and every other environment.
 */
export function makeDeviceDirectory(ownerId: number): number {
  const directory = makeMemoryFileSystem({ name: 'dev', sizeKiB: 64, ownerId, devices: true });
  try {
    const path = (name: string) => `/proc/self/fd/${directory}/${name}`;
    for (const [name, major, minor] of devices) {
      makeCharacterDevice(directory, name, major, minor);
      chmodSync(path(name), 0o666);
      chownSync(path(name), ownerId, ownerId);
    }
    for (const [name, target] of Object.entries(links)) {
      symlinkSync(target, path(name));
      lchownSync(path(name), ownerId, ownerId);
    }
    setMountReadOnly(directory);
    return directory;
  } catch (error) {
    closeAll(directory);
    throw error;
  }
}
