import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { CloisterError } from '../errors.ts';
import { closeAll, makeFixedSizeMemoryFile } from '../linux/descriptor.ts';

const maxUploads = 8;
const maxTotalBytes = 512 * 1024 * 1024;

interface Upload {
  readonly fd: number;
  readonly sizeBytes: number;
}

/** Archives on their way to the builder, in memory files of fixed size: the daemon fills them, the agent never looks inside. */
export class Uploads {
  readonly #uploads = new Map<string, Upload>();

  open(sizeBytes: number): { readonly uploadId: string; readonly fd: number } {
    const total = [...this.#uploads.values()].reduce((sum, upload) => sum + upload.sizeBytes, sizeBytes);
    if (this.#uploads.size >= maxUploads || total > maxTotalBytes) {
      throw new CloisterError('NoCapacity', 'too many uploads are under way', { operation: 'open upload' });
    }
    const fd = makeFixedSizeMemoryFile('cloister-upload', sizeBytes);
    const uploadId = `up-${randomBytes(8).toString('hex')}`;
    this.#uploads.set(uploadId, { fd, sizeBytes });
    return { uploadId, fd };
  }

  /** A read-only descriptor of its own for the builder; the caller closes it. */
  openForReading(uploadId: string): number {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) throw new CloisterError('NotFound', 'there is no such upload', { operation: 'read upload' });
    return openSync(`/proc/self/fd/${upload.fd}`, 'r');
  }

  drop(uploadId: string): void {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) return;
    this.#uploads.delete(uploadId);
    closeAll(upload.fd);
  }

  dropAll(): void {
    for (const uploadId of [...this.#uploads.keys()]) this.drop(uploadId);
  }
}
