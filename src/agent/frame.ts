import { CloisterError } from '../errors.ts';
import { maxFrameBytes } from './messages.ts';

const lengthBytes = 4;

/** A message as bytes: its length (32 bits, big endian), then JSON. Throws `BadMessage` when it is too long to be sent. */
export function encodeFrame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  if (body.length > maxFrameBytes) throw new CloisterError('BadMessage', 'the message is over 64 KiB', { operation: 'send message' });
  const frame = Buffer.allocUnsafe(lengthBytes + body.length);
  frame.writeUInt32BE(body.length);
  body.copy(frame, lengthBytes);
  return frame;
}

/** Cuts a byte stream into frames. It holds at most one frame: what announces itself as longer is thrown away as it comes, and told once. */
export class FrameReader {
  readonly #onFrame: (body: Buffer) => void;
  readonly #onRefused: () => void;
  #buffer: Buffer = Buffer.alloc(0);
  #discardBytes = 0;

  constructor(onFrame: (body: Buffer) => void, onRefused: () => void) {
    this.#onFrame = onFrame;
    this.#onRefused = onRefused;
  }

  push(chunk: Buffer): void {
    let rest = this.#discard(this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]));
    while (rest.length >= lengthBytes) {
      const length = rest.readUInt32BE(0);
      if (length > maxFrameBytes) {
        this.#onRefused();
        this.#discardBytes = length;
        rest = this.#discard(rest.subarray(lengthBytes));
        continue;
      }
      if (rest.length < lengthBytes + length) break;
      this.#onFrame(rest.subarray(lengthBytes, lengthBytes + length));
      rest = rest.subarray(lengthBytes + length);
    }
    // A copy, so that a few waiting bytes don't keep a whole read buffer alive.
    this.#buffer = Buffer.from(rest);
  }

  #discard(bytes: Buffer): Buffer {
    const dropped = Math.min(this.#discardBytes, bytes.length);
    this.#discardBytes -= dropped;
    return bytes.subarray(dropped);
  }
}
