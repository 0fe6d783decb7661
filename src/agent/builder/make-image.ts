import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { BuildFault } from './build-fault.ts';

const mkfsPath = '/usr/bin/mkfs.erofs';
// Part of every image's digest: it must never change.
const imageUuid = '6b1f6a52-3a60-4f0e-9d0e-6c0f15e7e201';

/**
 * Owner, times, identity and extended attributes are fixed, so that equal trees give equal bytes. Tail packing (kernel 5.17) lets small files
 * share blocks: without it 20,000 small files take 80 MB instead of 3, and 100,000 hostile ones more than any limit here.
 */
const mkfsOptions = ['--quiet', '--all-root', '-x-1', '-T0', '-U', imageUuid, '-zlz4', '-Eztailpacking'] as const;

export interface MakeImageOptions {
  readonly treePath: string;
  /** A regular empty file, open for reading and writing. */
  readonly image: number;
  /** Used only when the image's file can't be opened a second time. */
  readonly scratchPath: string;
}

/** Packs a tree into the image by mkfs.erofs, the one program this process starts. */
export const makeImage = ({ treePath, image, scratchPath }: MakeImageOptions): void => {
  // mkfs.erofs opens a path, and opening a descriptor's path checks the file's mode again, against this process's own user.
  if (canOpen(`/proc/self/fd/${image}`)) {
    runMkfs(`/proc/self/fd/${imageInChild}`, treePath, image);
    return;
  }
  const scratch = openSync(scratchPath, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    runMkfs(scratchPath, treePath, scratch);
    copyDescriptor(scratch, image);
  } finally {
    closeSync(scratch);
    unlinkSync(scratchPath);
  }
};

const imageInChild = 3;

const canOpen = (path: string): boolean => {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

const runMkfs = (imagePath: string, treePath: string, image: number): void => {
  // `inherit` and not `ignore`: there may be no /dev/null here. No variables: SOURCE_DATE_EPOCH would change the bytes.
  const { status, error } = spawnSync(mkfsPath, [...mkfsOptions, imagePath, treePath], { stdio: ['inherit', 'inherit', 'inherit', image], env: {} });
  if (status !== 0) throw new BuildFault('ImageMaker', error);
};

const copyDescriptor = (from: number, to: number): void => {
  const chunk = Buffer.allocUnsafe(1_048_576);
  let position = 0;
  for (;;) {
    const length = readSync(from, chunk, 0, chunk.length, position);
    if (length === 0) break;
    for (let written = 0; written < length; ) written += writeSync(to, chunk, written, length - written, position + written);
    position += length;
  }
  ftruncateSync(to, position);
};
