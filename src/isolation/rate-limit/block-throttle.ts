import type { Reading } from '../../evidence.ts';
import { type BlockGroup, type BlockRates, type BlockUse, difference, type LimitedDevice, type OwnUse, sum } from './block-group.ts';
import { liftDirtyLimit, limitDirtyPages } from './dirty-limit.ts';
import { TokenAccount } from './token-account.ts';
import type { RateLimiter } from './token-bucket.ts';

export interface BlockThrottleOptions {
  readonly group: BlockGroup;
  readonly limiter: RateLimiter;
  /** The environment's own device, which its /tmp is on. */
  readonly ownDevice: string;
  /** Whether kernel threads write for the environment outside its group (cgroup v1). */
  readonly hasForeignWriteback: boolean;
  readonly nowMs: number;
}

interface Limited {
  readonly device: LimitedDevice;
  readonly bandwidth: TokenAccount | undefined;
  readonly ops: TokenAccount | undefined;
  seen: BlockUse;
  /** What the last look took for the environment's own and may turn out to be its own device's. */
  disputed: BlockUse;
  /** Counted, and by the rates that were set not done yet. */
  waiting: BlockUse;
  set: BlockRates;
}

/** A new rate is told to the kernel when it differs by this much. */
const leastChange = 0.03;
/** Until the governor has looked for the first time. */
const firstLookMs = 1_000;
/**
 * The environment's own device keeps to its own bucket. What it reads from the disk below must not wait there once more, so while it does, the disk's
 * rule is wider by its rate and by this many times what it read since the last look; the disk's bucket is kept from what is counted there beside it.
 * Not wider than it takes: whatever else is read from the disk goes through as well, until the next look.
 */
const growth = 2;
const nothing: BlockUse = { bytes: 0, operations: 0 };

/** The limiters of one environment, one per device that it reads or writes. Between looks the kernel holds it to the rates that the last look set. */
export class BlockThrottle {
  readonly #options: BlockThrottleOptions;
  readonly #own: Limited;
  readonly #disks = new Map<string, Limited>();
  #seenBelow: BlockUse;
  #lookedAtMs: number;
  #closed = false;

  private constructor(options: BlockThrottleOptions) {
    this.#options = options;
    const used = options.group.usedOfOwn(options.ownDevice);
    this.#own = this.#account({ number: options.ownDevice, isOwn: true }, used);
    this.#seenBelow = used.below;
    this.#lookedAtMs = options.nowMs;
  }

  /** Sets the rules before any process of the environment runs. Throws `WallUnavailable` or `SystemCall`, with nothing left behind. */
  static async open(options: BlockThrottleOptions, imageDisks: readonly string[]): Promise<BlockThrottle> {
    const { ownDevice, limiter, hasForeignWriteback, group } = options;
    const throttle = new BlockThrottle(options);
    if (!isLimited(limiter)) return throttle;
    try {
      limitDirtyPages({ number: ownDevice, bytesPerSecond: throttle.#own.bandwidth?.ratePerSecond, required: hasForeignWriteback });
      for (const number of imageDisks) throttle.#disks.set(number, throttle.#account({ number, isOwn: false }, group.used(number)));
      for (const { device, set } of throttle.#all()) await group.limitFirst(device, set);
      return throttle;
    } catch (error) {
      throttle.close();
      throw error;
    }
  }

  /** One more disk that it will read from; known ones stay as they are. */
  addImageDisk(number: string): void {
    const { group, limiter } = this.#options;
    if (this.#disks.has(number) || !isLimited(limiter)) return;
    const limited = this.#account({ number, isOwn: false }, group.used(number));
    this.#disks.set(number, limited);
    group.limit(limited.device, limited.set);
  }

  /** Counts what went through and sets the rates until the next look. Answers whether anything went through since the last. */
  look(nowMs: number, lookMs: number): boolean {
    const { group, ownDevice, limiter } = this.#options;
    if (this.#closed || !isLimited(limiter)) return false;
    const own: OwnUse = group.usedOfOwn(ownDevice);
    const carried = difference(own, this.#own.seen);
    const below = difference(own.below, this.#seenBelow);
    this.#own.seen = own;
    this.#seenBelow = own.below;
    spend(this.#own, carried, nowMs);
    let moved = isSome(carried);
    const ownRates = ratesOf(this.#own, lookMs);
    for (const disk of this.#disks.values()) {
      const used = group.used(disk.device.number);
      const there = difference(used, disk.seen);
      disk.seen = used;
      moved ||= isSome(there) || isSome(disk.waiting);
      spend(disk, doneOf(disk, besideOwn(disk, there, below), nowMs - this.#lookedAtMs), nowMs);
      this.#set(disk, isSome(below) ? widened(disk, ratesOf(disk, lookMs), this.#passage(below, nowMs)) : ratesOf(disk, lookMs));
    }
    this.#set(this.#own, ownRates);
    this.#lookedAtMs = nowMs;
    return moved;
  }

  /** Until the next look nothing waits for the throttle: a process that waits for a device can be neither killed nor frozen. What goes through is owed. */
  lift(): void {
    if (!isLimited(this.#options.limiter)) return;
    for (const limited of this.#all()) {
      this.#options.group.lift(limited.device);
      limited.set = {};
    }
  }

  /** ORDER: before the volume is closed: what is still to be written to it then goes at the device's own pace. Safe to call again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.lift();
    if (isLimited(this.#options.limiter)) liftDirtyLimit(this.#options.ownDevice);
  }

  /** What the kernel is told and has counted, and what is left of the buckets, by device. */
  readings(): Readonly<Record<string, Reading>> {
    const facts = this.#all().flatMap((limited, index) => {
      const name = limited.device.isOwn ? 'tmp' : `images${index === 1 ? '' : index}`;
      return Object.entries(this.#readingsOf(limited)).map(([fact, reading]) => [`${name}.${fact}`, reading] as const);
    });
    return Object.fromEntries(facts);
  }

  #readingsOf({ device, bandwidth, ops }: Limited): Readonly<Record<string, Reading>> {
    const { group } = this.#options;
    const { bytes, operations } = device.isOwn ? group.usedOfOwn(device.number) : group.used(device.number);
    const counted = `the kernel's counters of ${device.number}`;
    const left = (of: TokenAccount | undefined, what: 'burstLeft' | 'tokens'): Reading => ({
      value: of === undefined ? null : Math.round(of[what]),
      readFrom: `the agent's account of ${counted}`,
    });
    return {
      device: { value: device.number, readFrom: `/sys/dev/block/${device.number}` },
      ...group.readings(device),
      bytes: { value: bytes, readFrom: counted },
      operations: { value: operations, readFrom: counted },
      bytesBurstLeft: left(bandwidth, 'burstLeft'),
      bytesTokens: left(bandwidth, 'tokens'),
      operationsBurstLeft: left(ops, 'burstLeft'),
      operationsTokens: left(ops, 'tokens'),
    };
  }

  /** What the own device may need of the disk below until the next look, beside the disk's own rates. */
  #passage(below: BlockUse, nowMs: number): BlockRates {
    const perSecond = (value: number) => (growth * value * 1_000) / Math.max(1, nowMs - this.#lookedAtMs);
    const { bandwidth, ops } = this.#own;
    return {
      bytesPerSecond: bandwidth && bandwidth.ratePerSecond + perSecond(below.bytes),
      operationsPerSecond: ops && ops.ratePerSecond + perSecond(below.operations),
    };
  }

  #all(): Limited[] {
    return [this.#own, ...this.#disks.values()];
  }

  #account(device: LimitedDevice, seen: BlockUse): Limited {
    const { limiter, nowMs } = this.#options;
    const limited = {
      device,
      bandwidth: limiter.bandwidth && new TokenAccount(limiter.bandwidth, nowMs),
      ops: limiter.ops && new TokenAccount(limiter.ops, nowMs),
      seen,
      disputed: nothing,
      waiting: nothing,
      set: {},
    };
    limited.set = ratesOf(limited, firstLookMs);
    return limited;
  }

  #set(limited: Limited, rates: BlockRates): void {
    if (!differs(rates.bytesPerSecond, limited.set.bytesPerSecond) && !differs(rates.operationsPerSecond, limited.set.operationsPerSecond)) return;
    this.#options.group.limit(limited.device, rates);
    limited.set = rates;
  }
}

function spend({ bandwidth, ops }: Limited, used: BlockUse, nowMs: number): void {
  bandwidth?.spend(used.bytes, nowMs);
  ops?.spend(used.operations, nowMs);
}

/**
 * The part of what a disk counted that did not come from the environment's own device. The disk counts when asked and the other when done, so what the last
 * look could not tell apart is given back in this one, but never more: a page of the file that was in memory already is no reason to.
 */
function besideOwn(disk: Limited, there: BlockUse, below: BlockUse): BlockUse {
  const beside = difference(there, below);
  const settle = (value: number, disputed: number) => Math.max(value, -disputed);
  const settled = { bytes: settle(beside.bytes, disk.disputed.bytes), operations: settle(beside.operations, disk.disputed.operations) };
  disk.disputed = { bytes: Math.max(0, settled.bytes), operations: Math.max(0, settled.operations) };
  return settled;
}

/**
 * The kernel counts for a disk what it is asked for, read-ahead of many MiB at once, before the throttle lets it through. How much it has let through since
 * the last look follows from the rates.
 */
function doneOf(disk: Limited, asked: BlockUse, sinceMs: number): BlockUse {
  const settle = (waiting: number, rate: number | undefined) => (rate === undefined ? waiting : Math.min(waiting, (rate * sinceMs) / 1_000));
  const waiting = sum(disk.waiting, asked);
  const done = { bytes: settle(waiting.bytes, disk.set.bytesPerSecond), operations: settle(waiting.operations, disk.set.operationsPerSecond) };
  disk.waiting = difference(waiting, done);
  return done;
}

function widened({ bandwidth, ops }: Limited, rates: BlockRates, by: BlockRates): BlockRates {
  const widen = (rate: number | undefined, more: number | undefined) => (rate === undefined || more === undefined ? rate : rate + more);
  if (bandwidth?.isOverdrawn === true || ops?.isOverdrawn === true) return rates;
  return {
    bytesPerSecond: widen(rates.bytesPerSecond, by.bytesPerSecond),
    operationsPerSecond: widen(rates.operationsPerSecond, by.operationsPerSecond),
  };
}

function ratesOf({ bandwidth, ops }: Pick<Limited, 'bandwidth' | 'ops'>, lookMs: number): BlockRates {
  return { bytesPerSecond: bandwidth?.allowance(lookMs), operationsPerSecond: ops?.allowance(lookMs) };
}

function differs(wanted: number | undefined, set: number | undefined): boolean {
  if (wanted === undefined || set === undefined) return wanted !== set;
  return Math.abs(wanted - set) > leastChange * set;
}

function isSome({ bytes, operations }: BlockUse): boolean {
  return bytes > 0 || operations > 0;
}

function isLimited({ bandwidth, ops }: RateLimiter): boolean {
  return bandwidth !== undefined || ops !== undefined;
}
