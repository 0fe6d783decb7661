import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { tryReadKernelFile } from './kernel-file.ts';

/**
 * Processes that run the program at `path` with `argument` among their arguments. The program is known by the inode that /proc/PID/exe leads to: an OCI
 * runtime seals its own file behind a mount or a memory file (CVE-2019-5736), so the link's text says nothing.
 */
export function processesOfProgram(path: string, argument: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => runsProgram(pid, path, argument));
}

export function runsProgram(pid: number, path: string, argument: string): boolean {
  const words = (tryReadKernelFile(`/proc/${pid}/cmdline`) ?? '').split('\0');
  if (!words.includes(argument)) return false;
  try {
    const [program, running] = [statSync(path), statSync(`/proc/${pid}/exe`)];
    return (program.dev === running.dev && program.ino === running.ino) || readlinkSync(`/proc/${pid}/exe`).startsWith('/memfd:runc_cloned');
  } catch {
    return false;
  }
}
