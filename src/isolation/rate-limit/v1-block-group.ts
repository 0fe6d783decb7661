import { join } from 'node:path';
import type { Reading } from '../../evidence.ts';
import { readKernelFile, tryReadKernelFile, writeKernelFile, writeKernelFileAside } from '../../linux/kernel-file.ts';
import { type BlockGroup, type BlockRates, type BlockUse, carriedBy, type LimitedDevice, type OwnUse, sum } from './block-group.ts';

const prefix = 'blkio.throttle.';
const rules = {
  read_bps: 'bytesPerSecond',
  write_bps: 'bytesPerSecond',
  read_iops: 'operationsPerSecond',
  write_iops: 'operationsPerSecond',
} as const;
type Rule = keyof typeof rules;
const allRules = Object.keys(rules) as readonly Rule[];
/** Buffered writes reach the device from kernel threads, which are in the root group. */
const writebackRules = ['write_bps', 'write_iops'] as const;
const mostOperations = 0xffff_ffff;

export interface V1BlockGroupOptions {
  /** The group's directory under the blkio controller. */
  readonly directory: string;
  /** The controller's root. */
  readonly root: string;
  /** Where devices have their counters. @default '/sys/dev/block' */
  readonly devices?: string;
}

/** Documentation/admin-guide/cgroup-v1/blkio-controller.rst. */
export class V1BlockGroup implements BlockGroup {
  readonly #directory: string;
  readonly #root: string;
  readonly #devices: string;

  constructor({ directory, root, devices = '/sys/dev/block' }: V1BlockGroupOptions) {
    this.#directory = directory;
    this.#root = root;
    this.#devices = devices;
  }

  limit(device: LimitedDevice, rates: BlockRates): void {
    for (const { path, line } of this.#lines(device, rates)) writeKernelFile(path, line);
  }

  async limitFirst(device: LimitedDevice, rates: BlockRates): Promise<void> {
    const [first, ...others] = this.#lines(device, rates);
    if (first !== undefined) await writeKernelFileAside(first.path, first.line);
    for (const { path, line } of others) writeKernelFile(path, line);
  }

  lift(device: LimitedDevice): void {
    for (const name of allRules) writeKernelFile(join(this.#directory, `${prefix}${name}_device`), `${device.number} 0`);
    // These must not meet the next user of the device.
    if (device.isOwn) liftV1Writeback(this.#root, device.number);
  }

  used(number: string): BlockUse {
    const count = (file: string) => {
      const text = tryReadKernelFile(join(this.#directory, `${prefix}${file}`)) ?? '';
      const of = (kind: string) => Number(new RegExp(`^${number} ${kind} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
      return of('Read') + of('Write');
    };
    return { bytes: count('io_service_bytes'), operations: count('io_serviced') };
  }

  /** The file below is written by kernel threads that are in no group of ours; what has to be read from the disk is read in the group's name. */
  usedOfOwn(number: string): OwnUse {
    const { reads, writes } = carriedBy(readKernelFile(join(this.#devices, number, 'stat')));
    return { ...sum(reads, writes), below: reads };
  }

  readings({ number, isOwn }: LimitedDevice): Readonly<Record<string, Reading>> {
    const rule = (directory: string, name: Rule): Reading => {
      const path = join(directory, `${prefix}${name}_device`);
      const value = new RegExp(`^${number} (\\d+)$`, 'm').exec(tryReadKernelFile(path) ?? '')?.[1];
      return { value: value === undefined ? null : Number(value), readFrom: path };
    };
    return Object.fromEntries([
      ...allRules.map((name) => [name, rule(this.#directory, name)]),
      ...(isOwn ? writebackRules.map((name) => [`writeback_${name}`, rule(this.#root, name)]) : []),
    ]);
  }

  #lines({ number, isOwn }: LimitedDevice, rates: BlockRates): { readonly path: string; readonly line: string }[] {
    const line = (directory: string, name: Rule) => {
      const rate = rates[rules[name]];
      return rate === undefined ? [] : [{ path: join(directory, `${prefix}${name}_device`), line: `${number} ${whole(name, rate)}` }];
    };
    return [...allRules.flatMap((name) => line(this.#directory, name)), ...(isOwn ? writebackRules.flatMap((name) => line(this.#root, name)) : [])];
  }
}

/** Takes the rules of a device from the root group (0: no limit); also those that a killed agent left there. */
export function liftV1Writeback(root: string, deviceNumber: string): void {
  for (const name of writebackRules) writeKernelFile(join(root, `${prefix}${name}_device`), `${deviceNumber} 0`);
}

/** The kernel keeps operations in 32 bits, and takes 0 for no limit. */
function whole(rule: Rule, rate: number): number {
  const rounded = Math.max(1, Math.round(rate));
  return rules[rule] === 'operationsPerSecond' ? Math.min(mostOperations, rounded) : Math.min(Number.MAX_SAFE_INTEGER, rounded);
}
