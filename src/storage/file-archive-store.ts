import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ArchiveStore } from '../control-api/stores/archive-store.ts';
import { CloisterError } from '../errors.ts';

const accountPattern = /^\d{12}$/;
const digestPattern = /^[0-9a-f]{64}$/;
const partialPrefix = '.partial-';

/** Zips as files: `<directory>/<account>/<sha256>.zip`, readable only by the daemon. */
export class FileArchiveStore implements ArchiveStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Removes what a crash left half written. */
  async clearPartial(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    for (const account of await readdir(this.#directory)) {
      const directory = join(this.#directory, account);
      for (const name of await readdir(directory)) if (name.startsWith(partialPrefix)) await rm(join(directory, name));
    }
  }

  async put(accountId: string, digest: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(accountId, digest);
    const directory = dirname(path);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (await stat(path).catch(() => undefined)) return;
    const partial = join(directory, `${partialPrefix}${randomUUID()}`);
    try {
      await using file = await open(partial, 'wx', 0o600);
      await file.writeFile(bytes);
      // ORDER: the bytes reach the disk before the name does, so that a file by its digest is always whole.
      await file.sync();
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    await using handle = await open(directory, 'r');
    await handle.sync();
  }

  async open(accountId: string, digest: string): Promise<{ readonly sizeBytes: number; readonly stream: Readable } | undefined> {
    try {
      const file = await open(this.#path(accountId, digest), 'r');
      return { sizeBytes: (await file.stat()).size, stream: file.createReadStream() };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remove(accountId: string, digest: string): Promise<void> {
    await rm(this.#path(accountId, digest), { force: true });
  }

  /** SECURITY: both parts come from clients; only their exact forms ever become a path. */
  #path(accountId: string, digest: string): string {
    if (!accountPattern.test(accountId) || !digestPattern.test(digest)) {
      throw new CloisterError('NotFound', 'not the name of an archive', { operation: 'archivePath' });
    }
    return join(this.#directory, accountId, `${digest}.zip`);
  }
}
