import { join } from 'node:path';
import type { Reading } from '../../evidence.ts';
import { readKernelFile, tryReadKernelFile, writeKernelFile, writeKernelFileAside } from '../../linux/kernel-file.ts';
import { type BlockGroup, type BlockRates, type BlockUse, carriedBy, type LimitedDevice, type OwnUse, sum } from './block-group.ts';

const mostOperations = 0xffff_ffff;

export interface V2BlockGroupOptions {
  readonly directory: string;
  /** Where devices have their counters. @default '/sys/dev/block' */
  readonly devices?: string;
}

/** Documentation/admin-guide/cgroup-v2.rst, "IO": buffered writes, too, are the group's that dirtied the pages. */
export class V2BlockGroup implements BlockGroup {
  readonly #directory: string;
  readonly #devices: string;

  constructor({ directory, devices = '/sys/dev/block' }: V2BlockGroupOptions) {
    this.#directory = directory;
    this.#devices = devices;
  }

  limit(device: LimitedDevice, rates: BlockRates): void {
    writeKernelFile(join(this.#directory, 'io.max'), line(device, rates));
  }

  limitFirst(device: LimitedDevice, rates: BlockRates): Promise<void> {
    return writeKernelFileAside(join(this.#directory, 'io.max'), line(device, rates));
  }

  lift(device: LimitedDevice): void {
    this.limit(device, {});
  }

  used(number: string): BlockUse {
    const fields = lineOf(tryReadKernelFile(join(this.#directory, 'io.stat')) ?? '', number);
    const of = (name: string) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(fields)?.[1] ?? 0);
    return { bytes: of('rbytes') + of('wbytes'), operations: of('rios') + of('wios') };
  }

  usedOfOwn(number: string): OwnUse {
    const { reads, writes } = carriedBy(readKernelFile(join(this.#devices, number, 'stat')));
    const all = sum(reads, writes);
    return { ...all, below: all };
  }

  readings({ number }: LimitedDevice): Readonly<Record<string, Reading>> {
    const read = (file: string): Reading => {
      const path = join(this.#directory, file);
      return { value: lineOf(tryReadKernelFile(path) ?? '', number) || null, readFrom: path };
    };
    return { ioMax: read('io.max'), ioStat: read('io.stat') };
  }
}

function line({ number }: LimitedDevice, { bytesPerSecond, operationsPerSecond }: BlockRates): string {
  const bytes = bytesPerSecond === undefined ? 'max' : Math.max(1, Math.round(bytesPerSecond));
  const operations = operationsPerSecond === undefined ? 'max' : Math.min(mostOperations, Math.max(1, Math.round(operationsPerSecond)));
  return `${number} rbps=${bytes} wbps=${bytes} riops=${operations} wiops=${operations}`;
}

function lineOf(text: string, number: string): string {
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${number} `));
  return found?.slice(number.length + 1) ?? '';
}
