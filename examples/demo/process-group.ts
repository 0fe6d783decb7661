import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const killAfterMs = 15_000;

/** A command that ended with something else than 0. */
export class CommandFailed extends Error {
  readonly status: number;

  constructor(command: string, status: number) {
    super(`"${command}" ended with exit status ${status}`);
    this.status = status;
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** What it prints is shown, too, instead of answered. */
  readonly show?: boolean;
}

/** Runs a command to its end in a process group of its own and answers its standard output; its standard error is shown. An abort ends the whole group first. */
export async function run(file: string, args: readonly string[], options: RunOptions): Promise<string> {
  options.signal.throwIfAborted();
  const child = startGroup(file, args, {
    stdio: ['ignore', options.show === true ? 'inherit' : 'pipe', 'inherit'],
    env: options.environment,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const output = child.stdout === null ? Promise.resolve('') : text(child.stdout);
  const abort = () => void endGroup(child);
  options.signal.addEventListener('abort', abort);
  try {
    const [status] = (await once(child, 'exit')) as [number | null];
    options.signal.throwIfAborted();
    const printed = await output;
    if (status !== 0) throw new CommandFailed([file.split('/').at(-1), ...args].join(' '), status ?? 1);
    return printed;
  } finally {
    options.signal.removeEventListener('abort', abort);
  }
}

/** Starts a command in a process group of its own: a Ctrl-C at the terminal reaches us alone, and we end it in order. */
export function startGroup(file: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(file, args, { ...options, detached: true });
}

/** Ends a group by SIGTERM, by SIGKILL when it has not ended after a while, and waits for it. */
export async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const { pid } = child;
  const gone = once(child, 'exit');
  signalGroup(pid, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), killAfterMs);
  await gone;
  clearTimeout(timer);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
