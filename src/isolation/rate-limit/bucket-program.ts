import {
  apply,
  applyNumber,
  assemble,
  call,
  exit,
  type Item,
  load,
  loadMapValue,
  loadNumber,
  type Register,
  store,
} from '../../linux/bpf-instruction.ts';
import type { TokenBucket } from './token-bucket.ts';

/** Fields of struct __sk_buff (linux/bpf.h). `wire_len` counts the headers of every segment, as the shaper does. */
const packet = { tcClassId: 72, wireLength: 160, segments: 164 } as const;
const helperKtimeGetNs = 5;
const TC_ACT_OK = 0;
const TC_ACT_SHOT = 2;

/** Where the program keeps what is left, eight bytes each. */
export const stateOffsets = { burstBytes: 0, burstPackets: 8, creditNs: 16, lastNs: 24, droppedPackets: 32 } as const;
export const stateBytes = 40;

const context: Register = 6;
const now: Register = 7;
const state: Register = 8;
const segments: Register = 9;

/**
 * What one direction of a link does with each packet: Firecracker's two token buckets. Packets beyond the bucket for packets are dropped. The one-time
 * burst of bytes passes the shaper at once, the rest goes to its class, whose bucket is the one for bytes.
 * The queue's lock is held while it runs, so no two packets are judged at once.
 */
export function bucketProgram(stateFd: number, shapedClass: number, ops: TokenBucket | undefined, hasBandwidth: boolean): Buffer[] {
  return assemble([
    apply('move', context, 1),
    loadMapValue(state, stateFd),
    load('u32', segments, context, packet.segments),
    { when: 'greater', left: segments, right: { number: 0 }, to: 'counted' },
    applyNumber('move', segments, 1),
    { label: 'counted' },
    ops === undefined ? [] : spendPackets(ops),
    hasBandwidth ? spendBurstBytes(shapedClass) : classify(0),
  ]);
}

/** Credit is kept as time: a packet costs the time in which the bucket gets one token, and the bucket holds its refill time. */
function spendPackets({ size, refillTimeMs }: TokenBucket): Item {
  const refillNs = BigInt(refillTimeMs) * 1_000_000n;
  return [
    call(helperKtimeGetNs),
    apply('move', now, 0),
    load('u64', 1, state, stateOffsets.lastNs),
    store('u64', state, stateOffsets.lastNs, now),
    apply('move', 2, now),
    apply('subtract', 2, 1),
    load('u64', 3, state, stateOffsets.creditNs),
    apply('add', 3, 2),
    loadNumber(4, refillNs),
    { when: 'greaterOrEqual', left: 4, right: 3, to: 'filled' },
    apply('move', 3, 4),
    { label: 'filled' },
    load('u64', 1, state, stateOffsets.burstPackets),
    { when: 'less', left: 1, right: segments, to: 'burst spent' },
    apply('subtract', 1, segments),
    store('u64', state, stateOffsets.burstPackets, 1),
    { when: 'always', left: 0, right: 0, to: 'packets paid' },
    { label: 'burst spent' },
    loadNumber(5, refillNs / BigInt(size)),
    apply('multiply', 5, segments),
    { when: 'greaterOrEqual', left: 3, right: 5, to: 'pay' },
    store('u64', state, stateOffsets.creditNs, 3),
    load('u64', 1, state, stateOffsets.droppedPackets),
    apply('add', 1, segments),
    store('u64', state, stateOffsets.droppedPackets, 1),
    applyNumber('move', 0, TC_ACT_SHOT),
    exit(),
    { label: 'pay' },
    apply('subtract', 3, 5),
    { label: 'packets paid' },
    store('u64', state, stateOffsets.creditNs, 3),
  ];
}

function spendBurstBytes(shapedClass: number): Item {
  return [
    load('u32', 1, context, packet.wireLength),
    load('u64', 2, state, stateOffsets.burstBytes),
    { when: 'less', left: 2, right: 1, to: 'shaped' },
    apply('subtract', 2, 1),
    store('u64', state, stateOffsets.burstBytes, 2),
    classify(0),
    { label: 'shaped' },
    classify(shapedClass),
  ];
}

function classify(minor: number): Item {
  return [applyNumber('move', 1, minor), store('u32', context, packet.tcClassId, 1), applyNumber('move', 0, TC_ACT_OK), exit()];
}
