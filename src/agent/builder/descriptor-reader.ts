import { readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { RandomAccessReader } from 'yauzl';

const chunkBytes = 65_536;

/** yauzl's view of an open descriptor. Positions come from the archive: those outside it are errors here, not exceptions in `fs.read`. */
export class DescriptorReader extends RandomAccessReader {
  readonly #descriptor: number;
  readonly #sizeBytes: number;

  constructor(descriptor: number, sizeBytes: number) {
    super();
    this.#descriptor = descriptor;
    this.#sizeBytes = sizeBytes;
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, callback: (error: Error | null, bytesRead?: number) => void): void {
    // Synchronous: the process has nothing else to do, and a trip through the thread pool costs more than the read.
    let bytesRead: number;
    try {
      if (!this.#inside(position, length)) throw new Error('position outside the archive');
      bytesRead = readSync(this.#descriptor, buffer, offset, length, position);
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback(null, bytesRead);
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const descriptor = this.#descriptor;
    if (!this.#inside(start, end - start)) return new Readable({ read: (): void => {} }).destroy(new Error('range outside the archive'));
    let position = start;
    return new Readable({
      read(): void {
        const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - position));
        const length = readSync(descriptor, chunk, 0, chunk.length, position);
        position += length;
        this.push(length === 0 ? null : chunk.subarray(0, length));
      },
    });
  }

  #inside(position: number, length: number): boolean {
    return Number.isSafeInteger(position) && position >= 0 && length >= 0 && position + length <= this.#sizeBytes;
  }
}
