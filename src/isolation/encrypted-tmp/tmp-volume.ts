import { closeSync, ftruncateSync, mkdirSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { allocateBlocks } from '../../linux/allocate-blocks.ts';
import { closeAll } from '../../linux/descriptor.ts';
import { addEncryptionKey, type FillKey, readEncryptionPolicy, removeEncryptionKey, setEncryptionPolicy } from '../../linux/file-encryption.ts';
import { attachLoopDevice } from '../../linux/loop-device.ts';
import { cloneMount, mountAs, mountFlags, unmount } from '../../linux/mount.ts';
import { trimFileSystem } from '../../linux/trim-file-system.ts';
import type { VolumeTemplate } from './volume-template.ts';

export interface TmpVolumeOptions {
  readonly template: VolumeTemplate;
  /** The image file, made here and removed by close(). */
  readonly imagePath: string;
  /** Gives the image all its blocks at once: no write of the environment can then fail for want of space on the host. */
  readonly preallocate: boolean;
  /** A directory of the agent's own mount namespace to mount the volume on, made here and removed by close(). */
  readonly mountPoint: string;
  /** @default the kernel's random generator */
  readonly fillKey?: FillKey;
}

/** An environment's /tmp: its own ext4 in a sparse file, encrypted with a key that only the kernel holds and that ends with the volume. */
export class TmpVolume {
  readonly device: string;
  readonly sizeMiB: number;
  readonly #options: TmpVolumeOptions;
  readonly #keyIdentifier: Buffer;

  private constructor(options: TmpVolumeOptions, device: string, keyIdentifier: Buffer) {
    this.#options = options;
    this.device = device;
    this.sizeMiB = options.template.sizeMiB;
    this.#keyIdentifier = keyIdentifier;
  }

  static open(options: TmpVolumeOptions): TmpVolume {
    using undo = new DisposableStack();
    undo.defer(() => rmSync(options.imagePath, { force: true }));
    const image = writeImage(options);
    undo.defer(() => closeAll(image));
    const loop = attachLoopDevice(image, options.imagePath);
    // Autoclear: from here on the device lives as long as this descriptor or a mount of it.
    undo.defer(() => closeAll(loop.fd));
    mkdirSync(options.mountPoint, { recursive: true, mode: 0o700 });
    // SECURITY: an environment reads the source in its mountinfo.
    mountAs('tmp', dirname(options.mountPoint), {
      source: loop.device,
      target: options.mountPoint,
      type: 'ext4',
      flags: mountFlags.noSetuid | mountFlags.noDevices,
    });
    undo.defer(() => unmount(options.mountPoint));
    const keyIdentifier = encrypt(join(options.mountPoint, 'tmp'), options.fillKey);
    undo.move();
    closeAll(loop.fd, image);
    return new TmpVolume(options, loop.device, keyIdentifier);
  }

  /** A detached mount of the encrypted directory, owned inside by root of the user namespace. */
  cloneMount(userNamespace: number): number {
    return cloneMount(join(this.#options.mountPoint, 'tmp'), { readOnly: false, userNamespace });
  }

  policy(): ReturnType<typeof readEncryptionPolicy> {
    return readEncryptionPolicy(join(this.#options.mountPoint, 'tmp'));
  }

  get directory(): string {
    return join(this.#options.mountPoint, 'tmp');
  }

  get imagePath(): string {
    return this.#options.imagePath;
  }

  /** Gives blocks of deleted files back to the host's disk, unless they are the volume's for good. */
  trim(): void {
    if (!this.#options.preallocate) trimFileSystem(this.#options.mountPoint);
  }

  /** ORDER: after the last process of the environment is gone; the key first, so that nothing readable is left whatever fails next. */
  close(): void {
    removeEncryptionKey(this.#options.mountPoint, this.#keyIdentifier);
    unmount(this.#options.mountPoint);
    rmdirSync(this.#options.mountPoint);
    rmSync(this.#options.imagePath, { force: true });
  }
}

function writeImage({ template, imagePath, preallocate }: TmpVolumeOptions): number {
  const fd = openSync(imagePath, 'wx+', 0o600);
  try {
    const sizeBytes = template.sizeMiB * 1024 * 1024;
    if (preallocate) allocateBlocks(fd, sizeBytes);
    else ftruncateSync(fd, sizeBytes);
    for (const { offset, bytes } of template.blocks) writeSync(fd, bytes, 0, bytes.length, offset);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function encrypt(directory: string, fillKey: FillKey | undefined): Buffer {
  const identifier = addEncryptionKey(directory, fillKey);
  setEncryptionPolicy(directory, identifier);
  return identifier;
}
