import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from './frame.ts';

/** Feeds the bytes in pieces and answers what came out. */
function read(bytes: Buffer, cuts: readonly number[] = []): { readonly frames: string[]; readonly refused: number } {
  const frames: string[] = [];
  let refused = 0;
  const reader = new FrameReader(
    (body) => frames.push(body.toString()),
    () => {
      refused += 1;
    },
  );
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    reader.push(bytes.subarray(start, end));
    start = end;
  }
  return { frames, refused };
}

describe('FrameReader', () => {
  it('gives back what encodeFrame made, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (messages, cuts) => {
        const { frames, refused } = read(Buffer.concat(messages.map((message) => encodeFrame(message))), cuts);
        expect(frames).toEqual(messages.map((message) => JSON.stringify(message)));
        expect(refused).toBe(0);
      }),
    );
  });

  it('skips a frame that is too long and goes on with the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: 65_537, max: 200_000 }), fc.array(fc.nat(), { maxLength: 6 }), (length, cuts) => {
        const head = Buffer.alloc(4);
        head.writeUInt32BE(length);
        const { frames, refused } = read(Buffer.concat([head, Buffer.alloc(length, 1), encodeFrame('after')]), cuts);
        expect({ frames, refused }).toEqual({ frames: ['"after"'], refused: 1 });
      }),
      { numRuns: 30 },
    );
  });
});

describe('encodeFrame()', () => {
  it('refuses a message over 64 KiB', () => {
    expect(() => encodeFrame('x'.repeat(65_536))).toThrow(expect.objectContaining({ code: 'BadMessage' }));
  });
});
