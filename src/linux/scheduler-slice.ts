import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { systemCall } from './libc.ts';

const setAttributesNumber = process.arch === 'arm64' ? 274 : 314;
const getAttributesNumber = process.arch === 'arm64' ? 275 : 315;
const attributesSize = 48;
const niceOffset = 16;
const runtimeOffset = 24;

const setAttributes = systemCall('long syscall(long number, int thread, uint8_t *attributes, unsigned int flags)');
const getAttributes = systemCall('long syscall(long number, int thread, _Out_ uint8_t *attributes, unsigned int size, unsigned int flags)');

/**
 * Asks for turns of so many microseconds on a processor for every thread of this process, and so for what it starts from now on (sched_setattr(2):
 * since Linux 6.12 `sched_runtime` is a wish of ordinary threads, too; older kernels take no notice). A thread that wakes takes the processor
 * from one with longer turns at once, and from others when their short turn is over: not at the next tick, which is 4 to 10 ms away.
 */
export function shortenTurns(sliceUs: number): void {
  const attributes = Buffer.alloc(attributesSize);
  attributes.writeUInt32LE(attributesSize, 0);
  attributes.writeBigUInt64LE(BigInt(sliceUs) * 1_000n, runtimeOffset);
  for (const thread of readdirSync('/proc/self/task').map(Number)) {
    attributes.writeInt32LE(getPriority(thread), niceOffset);
    setAttributes('scheduler slice', setAttributesNumber, thread, attributes, 0);
  }
}

/** What a thread asked for, in nanoseconds (sched_getattr(2)); 0 where it never did, or the kernel has no such wish. */
export function turnOf(thread: number): number {
  const attributes = Buffer.alloc(attributesSize);
  getAttributes('scheduler slice', getAttributesNumber, thread, attributes, attributesSize, 0);
  return Number(attributes.readBigUInt64LE(runtimeOffset));
}
