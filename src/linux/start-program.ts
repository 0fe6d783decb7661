import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { CloisterError } from '../errors.ts';

const keptErrorBytes = 8_192;
const killAfterMs = 30_000;

/** A program that runs on beside its caller. */
export interface StartedProgram extends AsyncDisposable {
  readonly pid: number;
  /** The first line it wrote to standard output. */
  readonly firstLine: string;
  /** SIGTERM, SIGKILL where that is not enough; resolves when it has ended. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a program that says in one line of standard output when it is ready. Rejects with `SystemCall`, and what it said, if it ends before that. */
export async function startProgram(file: string, args: readonly string[]): Promise<StartedProgram> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < keptErrorBytes) said += chunk.toString();
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const firstLine = await Promise.race([once(lines, 'line').then(([line]) => String(line)), exited.then(() => undefined)]);
  if (firstLine === undefined || child.pid === undefined) {
    throw new CloisterError('SystemCall', `it ended before it was ready: ${said.trim()}`, { operation: 'start program', path: file });
  }
  return {
    pid: child.pid,
    firstLine,
    [Symbol.asyncDispose]: async () => {
      const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited.finally(() => clearTimeout(timer));
      lines.close();
    },
  };
}
