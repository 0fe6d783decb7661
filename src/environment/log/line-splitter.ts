const newline = 0x0a;

/** Longer lines become several events. */
export const maxLineBytes = 256 * 1024;

/** A line that comes byte by byte must not cost an object for each. */
const maxParts = 64;

/** Cuts a byte stream into log events: lines with their line feed, or pieces of `maxLineBytes`. */
export class LineSplitter {
  readonly #emit: (line: Buffer) => void;
  #rest: Buffer[] = [];
  #restBytes = 0;

  constructor(emit: (line: Buffer) => void) {
    this.#emit = emit;
  }

  /** Takes the chunk's bytes; the chunk itself may be used again afterwards. */
  push(chunk: Buffer): void {
    let start = 0;
    while (start < chunk.length) {
      const limit = Math.min(chunk.length, start + maxLineBytes - this.#restBytes);
      const found = chunk.indexOf(newline, start);
      const end = found >= 0 && found < limit ? found + 1 : limit;
      const isLine = (found >= 0 && found < limit) || this.#restBytes + (end - start) >= maxLineBytes;
      this.#rest.push(isLine ? chunk.subarray(start, end) : Buffer.from(chunk.subarray(start, end)));
      this.#restBytes += end - start;
      if (isLine) this.flush();
      else if (this.#rest.length >= maxParts) this.#rest = [Buffer.concat(this.#rest, this.#restBytes)];
      start = end;
    }
  }

  /** Emits an unfinished line as it is. */
  flush(): void {
    if (this.#restBytes === 0) return;
    const [first] = this.#rest;
    const line = this.#rest.length === 1 && first !== undefined ? first : Buffer.concat(this.#rest, this.#restBytes);
    this.#rest = [];
    this.#restBytes = 0;
    this.#emit(line);
  }
}
