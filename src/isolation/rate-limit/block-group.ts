import type { Reading } from '../../evidence.ts';

/** What went through: bytes, and operations as the kernel's throttle counts them. */
export interface BlockUse {
  readonly bytes: number;
  readonly operations: number;
}

/** What went through an environment's own device; `below` of it the kernel counts again, as the group's, on the disk that the device's file lies on. */
export interface OwnUse extends BlockUse {
  readonly below: BlockUse;
}

/** Per second; undefined is unlimited. */
export interface BlockRates {
  readonly bytesPerSecond?: number | undefined;
  readonly operationsPerSecond?: number | undefined;
}

/** A device that an environment reads or writes, by its number `major:minor`. */
export interface LimitedDevice {
  readonly number: string;
  /** No one else uses it, so that what kernel threads write to it was written by the environment. */
  readonly isOwn: boolean;
}

/** The kernel's block throttle for one control group, over whichever cgroup version the host has. Paths are arguments: it works on plain files in tests. */
export interface BlockGroup {
  /** Holds reads, and writes, each to the rates. */
  limit(device: LimitedDevice, rates: BlockRates): void;
  /** As `limit`, without holding up the caller: the first rule that a device ever gets freezes its queue for some 30 ms. */
  limitFirst(device: LimitedDevice, rates: BlockRates): Promise<void>;
  /** Takes every rule of the device away, and lets go what waits. */
  lift(device: LimitedDevice): void;
  /** What the group has done so far on a disk that it shares. */
  used(number: string): BlockUse;
  usedOfOwn(number: string): OwnUse;
  readings(device: LimitedDevice): Readonly<Record<string, Reading>>;
}

const sectorBytes = 512;

/**
 * Reads and writes that a device has carried (Documentation/admin-guide/iostats.rst). What was merged was an operation, too, when the throttle let it
 * through.
 */
export function carriedBy(statText: string): { readonly reads: BlockUse; readonly writes: BlockUse } {
  const [reads = 0, readsMerged = 0, sectorsRead = 0, , writes = 0, writesMerged = 0, sectorsWritten = 0] = statText.trim().split(/\s+/).map(Number);
  return {
    reads: { bytes: sectorsRead * sectorBytes, operations: reads + readsMerged },
    writes: { bytes: sectorsWritten * sectorBytes, operations: writes + writesMerged },
  };
}

export function sum(a: BlockUse, b: BlockUse): BlockUse {
  return { bytes: a.bytes + b.bytes, operations: a.operations + b.operations };
}

/** `a` less `b`. */
export function difference(a: BlockUse, b: BlockUse): BlockUse {
  return { bytes: a.bytes - b.bytes, operations: a.operations - b.operations };
}
