/** A piece below this is copied behind the one before it; larger ones are passed on as they are. */
const smallPieceBytes = 1_024;
const collectedBytes = 16 * 1_024;

/** Pieces of a body in the order they came. SECURITY: a body in pieces of one byte must not cost an object for each. */
export class PendingPieces {
  readonly #pieces: Buffer[] = [];
  /** What small pieces are copied into, while it is the last of the pieces. */
  #collector: Buffer | undefined;
  #collected = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(piece: Buffer): void {
    this.#bytes += piece.length;
    if (piece.length >= smallPieceBytes) {
      this.#seal();
      this.#pieces.push(piece);
      return;
    }
    if (this.#collector !== undefined && this.#collected + piece.length > this.#collector.length) this.#seal();
    this.#collector ??= Buffer.allocUnsafe(collectedBytes);
    piece.copy(this.#collector, this.#collected);
    this.#collected += piece.length;
  }

  shift(): Buffer | undefined {
    if (this.#pieces.length === 0) this.#seal();
    const piece = this.#pieces.shift();
    if (piece !== undefined) this.#bytes -= piece.length;
    return piece;
  }

  #seal(): void {
    if (this.#collector === undefined) return;
    this.#pieces.push(this.#collector.subarray(0, this.#collected));
    this.#collector = undefined;
    this.#collected = 0;
  }
}
