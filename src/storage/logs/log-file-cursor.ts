import { open } from 'node:fs/promises';
import type { LogFile } from './log-file.ts';
import { decodeLogRecord, type LogPosition, type LogRecord, linePositionBytes, positionOfLine } from './log-record.ts';

interface Line {
  readonly start: number;
  /** Of its line feed. */
  readonly end: number;
}

const lineFeed = 0x0a;
const nothing: Buffer = Buffer.alloc(0);

/**
 * Goes through one file's records, forward or backward, and holds one block of it at a time, no descriptor in between: a file that is rotated away
 * meanwhile just ends.
 */
export class LogFileCursor {
  readonly file: LogFile;
  readonly #sizeBytes: number;
  readonly #blockBytes: number;
  readonly #direction: 'forward' | 'backward';
  #block = nothing;
  #blockStart = 0;
  #line: Line | undefined;
  #position: LogPosition | undefined;

  constructor(file: LogFile, options: { readonly direction: 'forward' | 'backward'; readonly blockBytes: number }) {
    this.file = file;
    // What is appended from now on is not read: the end of a torn line in it could be.
    this.#sizeBytes = file.sizeBytes;
    this.#blockBytes = options.blockBytes;
    this.#direction = options.direction;
  }

  /** Of the record the cursor stands at; undefined when there are no more. */
  get position(): LogPosition | undefined {
    return this.#position;
  }

  /** How much of the file the record takes. */
  get lineBytes(): number {
    return this.#line === undefined ? 0 : this.#line.end + 1 - this.#line.start;
  }

  /** Stands at the file's first record, or at its last when going backward. */
  begin(): Promise<void> {
    return this.#direction === 'forward' ? this.#forwardFrom(0) : this.#backwardFrom(this.#sizeBytes);
  }

  /**
   * Forward: stands at the first record that `isBeyond`; backward: at the last one before it. `isBeyond` is false up to some record and true from there
   * on. Reads a number of blocks that grows with the logarithm of the file.
   */
  async seek(isBeyond: (position: LogPosition) => boolean): Promise<void> {
    let low = 0;
    let high = this.#sizeBytes;
    while (high - low > this.#blockBytes) {
      const middle = Math.floor((low + high) / 2);
      await this.#forwardFrom(await this.#lineAfter(middle));
      if (this.#line === undefined || this.#position === undefined || this.#line.start >= high || isBeyond(this.#position)) high = middle;
      else low = this.#line.start;
    }
    await this.#forwardFrom(low);
    while (this.#position !== undefined && !isBeyond(this.#position)) await this.#forwardFrom(this.#nextStart());
    if (this.#direction === 'backward') await this.#backwardFrom(this.#line?.start ?? this.#sizeBytes);
  }

  async advance(): Promise<void> {
    if (this.#line === undefined) return;
    await (this.#direction === 'forward' ? this.#forwardFrom(this.#nextStart()) : this.#backwardFrom(this.#line.start));
  }

  /** The record the cursor stands at; undefined when its line is torn. */
  async read(): Promise<LogRecord | undefined> {
    return this.#line === undefined ? undefined : decodeLogRecord(await this.#bytes(this.#line.start, this.#line.end));
  }

  #nextStart(): number {
    return this.#line === undefined ? this.#sizeBytes : this.#line.end + 1;
  }

  /** The first record that begins at `start`, a line's, or after it. */
  async #forwardFrom(start: number): Promise<void> {
    for (let from = start; from < this.#sizeBytes; ) {
      const end = await this.#feedFrom(from);
      if (end < 0) break;
      if (await this.#standAt({ start: from, end })) return;
      from = end + 1;
    }
    this.#end();
  }

  /** The last record whose line ends right before `end` or earlier. */
  async #backwardFrom(end: number): Promise<void> {
    // What a crash left after the last line feed is no line.
    let feed = await this.#feedBefore(end);
    while (feed >= 0) {
      const before = await this.#feedBefore(feed);
      if (await this.#standAt({ start: before + 1, end: feed })) return;
      feed = before;
    }
    this.#end();
  }

  async #standAt(line: Line): Promise<boolean> {
    const position = positionOfLine(await this.#bytes(line.start, Math.min(line.end, line.start + linePositionBytes)));
    if (position === undefined) return false;
    this.#line = line;
    this.#position = position;
    return true;
  }

  #end(): void {
    this.#line = undefined;
    this.#position = undefined;
    this.#block = nothing;
  }

  /** Where the line after the one at `offset` begins. */
  async #lineAfter(offset: number): Promise<number> {
    const feed = await this.#feedFrom(offset);
    return feed < 0 ? this.#sizeBytes : feed + 1;
  }

  /** The first line feed at `offset` or after it; -1 when there is none. */
  async #feedFrom(offset: number): Promise<number> {
    for (let from = offset; from < this.#sizeBytes; from = this.#blockStart + this.#block.length) {
      if (!this.#holds(from)) await this.#load(from);
      if (this.#block.length === 0) return -1;
      const found = this.#block.indexOf(lineFeed, from - this.#blockStart);
      if (found >= 0) return this.#blockStart + found;
    }
    return -1;
  }

  /** The last line feed before `offset`; -1 when there is none. */
  async #feedBefore(offset: number): Promise<number> {
    for (let before = offset; before > 0; before = this.#blockStart) {
      if (!this.#holds(before - 1)) await this.#load(Math.max(0, before - this.#blockBytes));
      if (this.#block.length === 0) return -1;
      const found = this.#block.lastIndexOf(lineFeed, before - 1 - this.#blockStart);
      if (found >= 0) return this.#blockStart + found;
    }
    return -1;
  }

  async #bytes(start: number, end: number): Promise<Buffer> {
    if (start >= this.#blockStart && end <= this.#blockStart + this.#block.length) {
      return this.#block.subarray(start - this.#blockStart, end - this.#blockStart);
    }
    return await readPart(this.file.path, { position: start, length: end - start });
  }

  #holds(offset: number): boolean {
    return offset >= this.#blockStart && offset < this.#blockStart + this.#block.length;
  }

  async #load(position: number): Promise<void> {
    const length = Math.min(this.#blockBytes, this.#sizeBytes - position);
    this.#block = await readPart(this.file.path, { position, length });
    this.#blockStart = position;
  }
}

/** Nothing when the file was removed meanwhile. */
async function readPart(path: string, { position, length }: { position: number; length: number }): Promise<Buffer> {
  try {
    await using handle = await open(path, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing;
    throw error;
  }
}
