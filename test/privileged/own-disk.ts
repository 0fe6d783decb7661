import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small disk of the test's own, with a file system that is mounted until the disposal: it may be filled, and read as raw as one likes. */
export class OwnDisk implements Disposable {
  /** Where its file system is mounted. */
  readonly directory: string;
  /** The device node below it. */
  readonly device: string;
  readonly #scratch: string;

  private constructor(scratch: string, device: string, directory: string) {
    this.#scratch = scratch;
    this.device = device;
    this.directory = directory;
  }

  static make(sizeMiB: number): OwnDisk {
    const scratch = mkdtempSync(join(tmpdir(), 'cloister-disk-'));
    const image = join(scratch, 'disk.img');
    const directory = join(scratch, 'mnt');
    writeFileSync(image, '');
    truncateSync(image, sizeMiB * 1024 * 1024);
    execFileSync('mkfs.ext4', ['-q', '-F', image]);
    mkdirSync(directory);
    const device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
    execFileSync('mount', [device, directory]);
    return new OwnDisk(scratch, device, directory);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', [this.directory]);
    execFileSync('losetup', ['--detach', this.device]);
    rmSync(this.#scratch, { recursive: true });
  }
}
