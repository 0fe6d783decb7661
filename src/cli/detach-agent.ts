import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CloisterError, type CloisterErrorCode } from '../errors.ts';
import { exitStatus } from './exit-status.ts';
import type { ProgramStart } from './host-program.ts';

const pollMs = 50;
const maxReasonBytes = 4_096;

/** Starts the agent in a session of its own and answers its ready line. Rejects with the agent's last words when it ends before that. */
export async function detachAgent(agent: ProgramStart, dataDirectory: string): Promise<string> {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o755 });
  using open = new DisposableStack();
  const log = open.adopt(openSync(join(dataDirectory, 'agent.log'), 'a', 0o600), closeSync);
  const logStart = fstatSync(log).size;
  const output = open.adopt(openPrivateFile(dataDirectory), closeSync);
  const child = spawn(agent.file, agent.args.slice(1), { detached: true, stdio: ['ignore', output, log], cwd: '/' });
  const failure = new Promise<Error>((resolve) => child.once('error', resolve));
  child.unref();
  // Until it serves it is ours: a Ctrl-C while we wait ends it, too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill('SIGTERM'));
  for (;;) {
    const text = readAll(output);
    if (text.includes('\n')) return text.slice(0, text.indexOf('\n'));
    if (child.exitCode !== null || child.signalCode !== null) throw ended(child, readFrom(join(dataDirectory, 'agent.log'), logStart));
    const failed = await Promise.race([failure, delay(pollMs)]);
    if (failed instanceof Error) throw new CloisterError('Internal', `the agent could not be started: ${failed.message}`, { operation: 'up' });
  }
}

/** The ready line carries a secret, so it goes to a file without a name: nobody else finds it, and the agent may go on writing when we are gone. */
function openPrivateFile(directory: string): number {
  const path = join(directory, `.ready-${process.pid}`);
  rmSync(path, { force: true });
  const fd = openSync(path, 'wx+', 0o600);
  rmSync(path);
  return fd;
}

function readAll(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0));
}

function readFrom(path: string, start: number): string {
  const fd = openSync(path, 'r');
  try {
    const from = Math.max(start, fstatSync(fd).size - maxReasonBytes);
    const bytes = Buffer.alloc(fstatSync(fd).size - from);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, from));
  } finally {
    closeSync(fd);
  }
}

function ended(child: ChildProcess, output: string): CloisterError {
  const last = output.trim().split('\n').at(-1) ?? '';
  const how = child.signalCode ?? `status ${child.exitCode}`;
  const reason = last === '' ? `the agent ended with ${how} and said nothing` : last.replace(/^cloister: /, '');
  const codes: Readonly<Record<number, CloisterErrorCode>> = { [exitStatus.unfit]: 'HostUnfit', [exitStatus.usage]: 'BadMessage' };
  return new CloisterError(codes[child.exitCode ?? 1] ?? 'Internal', reason, { operation: 'up' });
}
