import { closeSync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { SystemCallError } from '../../linux/libc.ts';
import { attachLoopDevice } from '../../linux/loop-device.ts';
import { mountAs, mountFlags, unmount } from '../../linux/mount.ts';

interface Mounted {
  readonly directory: string;
  users: number;
}

const flags = mountFlags.readOnly | mountFlags.noSetuid | mountFlags.noDevices;

/**
 * The erofs images in use, each mounted once in the agent's private mount namespace, so that environments of one image share its pages. `key` keeps
 * accounts apart: equal digests of two accounts are two files and two mounts.
 */
export class ImageMounts {
  readonly #root: string;
  readonly #mounted = new Map<string, Mounted>();

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /** Mounts the image if it is not yet, and counts one more user. Answers the directory to clone from. */
  acquire(key: string, imagePath: string): string {
    const known = this.#mounted.get(key);
    if (known !== undefined) {
      known.users += 1;
      return known.directory;
    }
    const directory = join(this.#root, key);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    mountImage(imagePath, directory, this.#root);
    this.#mounted.set(key, { directory, users: 1 });
    return directory;
  }

  release(key: string): void {
    const known = this.#mounted.get(key);
    if (known === undefined) return;
    known.users -= 1;
    if (known.users > 0) return;
    this.#mounted.delete(key);
    unmount(known.directory);
    rmdirSync(known.directory);
  }

  inUse(key: string): boolean {
    return this.#mounted.has(key);
  }
}

/**
 * How to ask, best first (Documentation/filesystems/erofs.rst). Direct reads of the file, from kernel 6.15 on, keep its pages in memory once instead of twice,
 * and are of the size that the image's own read-ahead asks for: the disk's is of many MiB, more than its throttle lets through evenly.
 */
const mountData = ['directio', undefined] as const;

/**
 * mount(2) takes an erofs file as it is from kernel 6.12 on; older ones answer ENOTBLK and get a loop device under it.
 * SECURITY: an environment reads the source in its mountinfo: the name says nothing of the host's directories and devices.
 */
function mountImage(imagePath: string, target: string, scratch: string): void {
  const image = openSync(imagePath, 'r');
  try {
    mountFile(image, target, scratch);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.errno === 'ENOTBLK')) throw error;
    const loop = attachLoopDevice(image, imagePath, { readOnly: true });
    try {
      mountAs('image', scratch, { source: loop.device, target, type: 'erofs', flags });
    } finally {
      closeSync(loop.fd);
    }
  } finally {
    closeSync(image);
  }
}

function mountFile(image: number, target: string, scratch: string): void {
  for (const data of mountData) {
    try {
      mountAs('image', scratch, { source: `/proc/self/fd/${image}`, target, type: 'erofs', flags, ...(data === undefined ? {} : { data }) });
      return;
    } catch (error) {
      if (data === undefined || !(error instanceof SystemCallError && error.errno === 'EINVAL')) throw error;
    }
  }
}
