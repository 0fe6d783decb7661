import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SlotJournal } from '../drivers/oci/oci-driver.ts';
import { readKernelFile } from '../linux/kernel-file.ts';

interface Entry {
  readonly bootId: string;
  readonly device: string;
}

/** A file per slot that exists, written before anything of the slot is made and removed after all of it is gone, with the boot it belongs to. */
export class SlotJournalFile implements SlotJournal {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  opening(slotId: string): void {
    this.#write(slotId, {});
  }

  limiting(slotId: string, device: string): void {
    this.#write(slotId, { device });
  }

  closed(slotId: string): void {
    rmSync(this.#path(slotId), { force: true });
  }

  /** Slots that an ended agent had open. */
  left(): string[] {
    return readdirSync(this.#directory).map((name) => name.replace(/\.json$/, ''));
  }

  /** Devices that an ended agent limited, since this boot: /dev/loop3. */
  devicesLeft(): string[] {
    return this.left().flatMap((slotId) => {
      const { bootId, device } = this.#read(slotId);
      return bootId === currentBoot() && device !== undefined ? [device] : [];
    });
  }

  #write(slotId: string, facts: Partial<Entry>): void {
    writeFileSync(this.#path(slotId), JSON.stringify({ slotId, bootId: currentBoot(), agentPid: process.pid, ...facts }), { mode: 0o600 });
  }

  /** An agent may have been killed while it wrote. */
  #read(slotId: string): Partial<Entry> {
    try {
      return JSON.parse(readFileSync(this.#path(slotId), 'utf8')) as Partial<Entry>;
    } catch {
      return {};
    }
  }

  #path(slotId: string): string {
    return join(this.#directory, `${slotId}.json`);
  }
}

function currentBoot(): string {
  return readKernelFile('/proc/sys/kernel/random/boot_id');
}
