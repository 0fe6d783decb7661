const tailBytes = 4 * 1024;

/** The last 4 KiB of what is pushed. */
export class LogTail {
  #parts: Buffer[] = [];
  #bytes = 0;

  push(part: Buffer): void {
    this.#parts.push(Buffer.from(part.length > tailBytes ? part.subarray(part.length - tailBytes) : part));
    this.#bytes += Math.min(part.length, tailBytes);
    for (let first = this.#parts[0]; first !== undefined && this.#bytes - first.length >= tailBytes; first = this.#parts[0]) {
      this.#parts.shift();
      this.#bytes -= first.length;
    }
  }

  toBuffer(): Buffer {
    const all = Buffer.concat(this.#parts, this.#bytes);
    return all.length > tailBytes ? all.subarray(all.length - tailBytes) : all;
  }
}
