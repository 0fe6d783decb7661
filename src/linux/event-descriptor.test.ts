import { writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { watchKernelEvents } from './event-descriptor.ts';

const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

describe('watchKernelEvents()', () => {
  it('calls the listener for what was counted before it listened, and after', async () => {
    let descriptor = -1;
    let told = 0;
    using _watch = watchKernelEvents(
      (fd) => {
        descriptor = fd;
        writeSync(fd, one);
      },
      () => {
        told += 1;
      },
    );
    expect(descriptor).toBeGreaterThan(2);
    await expect.poll(() => told).toBe(1);
  });

  it('gives the descriptor back when registering it fails', () => {
    const numbers: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      expect(() =>
        watchKernelEvents(
          (fd) => {
            numbers.push(fd);
            throw new Error('refused');
          },
          () => undefined,
        ),
      ).toThrow('refused');
    }
    expect(new Set(numbers).size).toBe(1);
  });
});
