import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setprivPath, withAgentCapabilities } from '../agent/agent-capabilities.ts';
import { CloisterError } from '../errors.ts';

const unsharePath = '/usr/bin/unshare';

/** The start of a program of ours: its path and arguments, the program's name first. */
export interface ProgramStart {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * How a host-side program is started: `agent/main` is src/agent/main.ts in a checkout and dist/agent/main.js installed. With `ownMounts` it gets a
 * mount namespace of its own from unshare(1), whose mounts end with it. `asAgent` leaves it no capability but the agent's.
 */
export function hostProgram(name: string, args: readonly string[], { ownMounts = false, asAgent = false } = {}): ProgramStart {
  const self = import.meta.url;
  const path = fileURLToPath(new URL(`../${name}${self.slice(self.lastIndexOf('.'))}`, self));
  if (!existsSync(path)) throw new CloisterError('NotFound', 'this installation lacks a program', { operation: `start ${name}`, path });
  const command = [process.execPath, ...process.execArgv, path, ...args];
  if (!ownMounts) return { file: process.execPath, args: command };
  const missing = [unsharePath, ...(asAgent ? [setprivPath] : [])].find((program) => !existsSync(program));
  if (missing !== undefined) {
    throw new CloisterError('HostUnfit', `${missing} is missing; install the package util-linux`, { operation: `start ${name}` });
  }
  return {
    file: unsharePath,
    args: [unsharePath, '--mount', '--propagation', 'private', '--', ...(asAgent ? withAgentCapabilities(command) : command)],
  };
}

/** Becomes the program: this process goes on as it, under the same pid. */
export function becomeProgram(program: ProgramStart): never {
  if (process.execve === undefined) throw new CloisterError('HostUnfit', 'this Node cannot replace its process', { operation: 'execve' });
  return process.execve(program.file, program.args);
}
