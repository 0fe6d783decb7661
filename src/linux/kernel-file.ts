import { readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { CloisterError } from '../errors.ts';

/** Reads a small file of /proc, /sys or a cgroup, without its last newline. */
export function readKernelFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\n$/, '');
  } catch (cause) {
    throw new CloisterError('SystemCall', 'a kernel file could not be read', { operation: 'read', path, cause });
  }
}

/** Like readKernelFile, but undefined where the file or its process is gone or the kernel lacks it. */
export function tryReadKernelFile(path: string): string | undefined {
  try {
    return readKernelFile(path);
  } catch {
    return undefined;
  }
}

/** Writes one value to a kernel file that exists; the kernel's refusal is a `SystemCall` error. */
export function writeKernelFile(path: string, value: string | number): void {
  try {
    writeFileSync(path, String(value), { flag: 'r+' });
  } catch (cause) {
    throw refused(path, value, cause);
  }
}

/** Like writeKernelFile, on another thread: for what the kernel takes its time over. */
export async function writeKernelFileAside(path: string, value: string | number): Promise<void> {
  try {
    await writeFile(path, String(value), { flag: 'r+' });
  } catch (cause) {
    throw refused(path, value, cause);
  }
}

function refused(path: string, value: string | number, cause: unknown): CloisterError {
  return new CloisterError('SystemCall', `a kernel file refused ${JSON.stringify(value)}`, { operation: 'write', path, cause });
}
