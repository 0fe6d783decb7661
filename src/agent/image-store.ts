import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, fchownSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { chmod, chown, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredImage } from '../drivers/driver.ts';
import { CloisterError } from '../errors.ts';
import type { UserIds } from './confined-process.ts';

const maxImageBytes = 512 * 1024 * 1024;
const buildingPrefix = '.building-';

/** Erofs images of customers, root-owned under account and digest. SECURITY: only files of this store are ever mounted; the two ids are patterns of digits. */
export class ImageStore {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  find(accountId: string, digest: string): StoredImage {
    const path = join(this.#root, accountId, `${digest}.erofs`);
    if (!existsSync(path)) throw new CloisterError('NotFound', 'the account has no such image', { operation: 'find image' });
    return { key: `${accountId}-${digest}`, path };
  }

  /** An empty file for the builder to write an image into. */
  beginImage(builder: UserIds): { readonly path: string; readonly fd: number } {
    const path = join(this.#root, `${buildingPrefix}${randomBytes(8).toString('hex')}`);
    const fd = openSync(path, 'wx+', 0o600);
    fchownSync(fd, builder.uid, builder.gid);
    return { path, fd };
  }

  /** ORDER: the builder is dead, so the bytes that are hashed are the bytes that stay. Answers the digest. */
  async finishImage(path: string, accountId: string): Promise<{ readonly digest: string; readonly imageBytes: number }> {
    const { size } = await stat(path);
    if (size === 0 || size > maxImageBytes) throw new CloisterError('BuilderFailed', 'the image has no possible size', { operation: 'store image' });
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    const digest = hash.digest('hex');
    await chown(path, 0, 0);
    await chmod(path, 0o400);
    mkdirSync(join(this.#root, accountId), { recursive: true, mode: 0o700 });
    renameSync(path, join(this.#root, accountId, `${digest}.erofs`));
    return { digest, imageBytes: size };
  }

  drop(accountId: string, digest: string): void {
    rmSync(join(this.#root, accountId, `${digest}.erofs`), { force: true });
  }

  /** Removes images that a killed builder left half made; answers how many. */
  dropUnfinished(): number {
    const left = readdirSync(this.#root).filter((name) => name.startsWith(buildingPrefix));
    for (const name of left) rmSync(join(this.#root, name));
    return left.length;
  }
}
