import { constants, mkdirSync, rmSync } from 'node:fs';
import { chmod, copyFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CloisterError } from '../errors.ts';
import type { DiskBudget } from '../isolation/encrypted-tmp/disk-budget.ts';
import type { BuiltRuntime } from '../runtimes/runtime-manifest.ts';

const mebibyte = 1_048_576;

export interface DedicatedRuntimesOptions {
  /** Holds the copies, and nothing else: what an ended agent left in it goes. */
  readonly directory: string;
  readonly disk: Pick<DiskBudget, 'freeMiB' | 'reserveMiB'>;
}

interface Copy {
  readonly digest: string;
  readonly path: Promise<string>;
}

/**
 * Each account's own file of a runtime's image. SECURITY: the page cache belongs to an inode, so what one account has read of its runtime tells no other by
 * its timing; a whole copy also shares no block of the disk.
 */
export class DedicatedRuntimes implements Disposable {
  readonly #options: DedicatedRuntimesOptions;
  /** By account and name of the runtime. */
  readonly #copies = new Map<string, Copy>();

  constructor(options: DedicatedRuntimesOptions) {
    this.#options = options;
    rmSync(options.directory, { recursive: true, force: true });
  }

  /** The account's file, copied if it has none yet. Rejects with `NoCapacity` when the copy would leave the disk less than its reserve. */
  path(accountId: string, { manifest, imagePath }: BuiltRuntime): Promise<string> {
    const key = `${accountId}/${manifest.name}`;
    const known = this.#copies.get(key);
    if (known?.digest === manifest.digest) return known.path;
    const copy = { digest: manifest.digest, path: this.#copy(imagePath, join(this.#options.directory, accountId, `${manifest.digest}.erofs`)) };
    this.#copies.set(key, copy);
    copy.path.catch(() => {
      if (this.#copies.get(key) === copy) this.#copies.delete(key);
    });
    // What is mounted of an older build lives on without a name.
    void known?.path.then((path) => rm(path, { force: true })).catch(() => undefined);
    return copy.path;
  }

  [Symbol.dispose](): void {
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  async #copy(from: string, to: string): Promise<string> {
    const { disk } = this.#options;
    const { size } = await stat(from);
    if (disk.freeMiB() - size / mebibyte < disk.reserveMiB)
      throw new CloisterError('NoCapacity', "the host's disk has no room for another copy of the runtime", { operation: 'copy runtime' });
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    const unfinished = `${to}.new`;
    try {
      // Not FICLONE: a whole copy.
      await copyFile(from, unfinished, constants.COPYFILE_EXCL);
      await chmod(unfinished, 0o400);
      await rename(unfinished, to);
    } finally {
      await rm(unfinished, { force: true });
    }
    return to;
  }
}
