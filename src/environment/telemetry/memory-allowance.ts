/** Bytes that several may hold together. */
export class MemoryAllowance {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** False: there is not so much left, and nothing has been taken. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}
