import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SlotJournal } from '../drivers/oci/oci-driver.ts';
import { readKernelFile } from '../linux/kernel-file.ts';

/** A file per slot that exists, written before anything of the slot is made and removed after all of it is gone, with the boot it belongs to. */
export class SlotJournalFile implements SlotJournal {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  opening(slotId: string): void {
    const bootId = readKernelFile('/proc/sys/kernel/random/boot_id');
    writeFileSync(join(this.#directory, `${slotId}.json`), JSON.stringify({ slotId, bootId, agentPid: process.pid }), { mode: 0o600 });
  }

  closed(slotId: string): void {
    rmSync(join(this.#directory, `${slotId}.json`), { force: true });
  }

  /** Slots that an ended agent had open. */
  left(): string[] {
    return readdirSync(this.#directory).map((name) => name.replace(/\.json$/, ''));
  }
}
