import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CloisterError } from '../errors.ts';

const maxOutputBytes = 16 * 1024 * 1024;
const drainTimeoutMs = 1_000;
const messageLines = 6;

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment of the command. @default the caller's */
  readonly env?: Readonly<Record<string, string>>;
  /** SIGKILL after this long. @default none */
  readonly timeoutMs?: number;
  readonly input?: string | Uint8Array;
  /** Runs the command as this user and group, without supplementary groups. */
  readonly uid?: number;
  readonly signal?: AbortSignal;
  /** Told each line of standard error as it comes. */
  readonly onStderrLine?: (line: string) => void;
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end, without a shell. Resolves on its exit and drained pipes; a grandchild that keeps them open is not waited for.
 * Anything but exit status 0, more than 16 MiB of output, or the time-out rejects with `SystemCall`.
 */
export async function runCommand(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandOutput> {
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGKILL' as const }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const }),
  });
  const tooMuch = new AbortController();
  tooMuch.signal.addEventListener('abort', () => child.kill('SIGKILL'));
  const stdout = collect(child.stdout, tooMuch);
  const stderr = collect(child.stderr, tooMuch);
  if (options.onStderrLine !== undefined) createInterface({ input: child.stderr }).on('line', options.onStderrLine);
  // A program that ends without reading its input closes the pipe: that is its own affair, its exit status tells.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input);
  let outcome: readonly [number | null, NodeJS.Signals | null];
  try {
    outcome = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  } catch (cause) {
    throw new CloisterError('SystemCall', `${file} could not be run: ${(cause as Error).message}`, { operation: 'spawn', path: file, cause });
  }
  const [status, signal] = outcome;
  await Promise.race([Promise.all([stdout.ended, stderr.ended]), expiry(drainTimeoutMs)]);
  child.stdout.destroy();
  child.stderr.destroy();
  if (tooMuch.signal.aborted) throw failure(file, args, `wrote more than ${maxOutputBytes} bytes`, stderr.text());
  if (status !== 0)
    throw failure(file, args, signal === null ? `ended with status ${status}` : `was ended by ${signal}`, stderr.text() || stdout.text());
  return { stdout: stdout.text(), stderr: stderr.text() };
}

function collect(stream: Readable, tooMuch: AbortController): { readonly ended: Promise<void>; readonly text: () => string } {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  stream.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > maxOutputBytes) tooMuch.abort();
    else chunks.push(chunk);
  });
  const ended = new Promise<void>((resolve) => stream.once('close', resolve).once('end', resolve));
  return { ended, text: () => Buffer.concat(chunks).toString('utf8') };
}

function expiry(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function failure(file: string, args: readonly string[], what: string, output: string): CloisterError {
  const tail = output.trimEnd().split('\n').slice(-messageLines).join('\n');
  return new CloisterError('SystemCall', `${[file, ...args].join(' ').slice(0, 400)} ${what}${tail === '' ? '' : `:\n${tail}`}`, {
    operation: 'run',
    path: file,
  });
}
