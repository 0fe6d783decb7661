import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CommandResult } from '../daemon.ts';

const program = fileURLToPath(new URL('../../bin/cloister', import.meta.url));

/** Runs `bin/cloister` without any daemon of this machine's in its environment. */
export function runCloister(args: readonly string[]): Promise<CommandResult> {
  const { CLOISTER_ENDPOINT: _endpoint, CLOISTER_DATA_DIR: _dataDirectory, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(program, [...args], { env }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}
