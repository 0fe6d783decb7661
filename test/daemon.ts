import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { linkRuntimes } from './runtimes.ts';

const cloister = fileURLToPath(new URL('../bin/cloister', import.meta.url));

export interface Credentials {
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real `cloister up --json`, as a user starts it. Disposing of it ends it as Ctrl-C would, and removes the data directory if it made it. */
export interface RunningDaemon extends AsyncDisposable {
  readonly endpoint: string;
  readonly credentials: Credentials;
  readonly dataDir: string;
  /** The host agent's, which is what `up` is. */
  readonly pid: number;
  readonly agent: ChildProcess;
  /** Everything the agent wrote to standard error so far. */
  readonly errors: () => string;
  /** Runs `bin/cloister` against it. */
  cli(...args: readonly string[]): Promise<CommandResult>;
  lambda(credentials?: Credentials): LambdaClient;
  /** SIGTERM, and its exit status. */
  stop(): Promise<number | null>;
}

export interface StartDaemonOptions {
  /** Keeps its state for a later start. @default a new directory that goes with the daemon */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  /** Pid of a process whose network namespace stands for the host's: only `cli` reaches the daemon there. */
  readonly network?: number;
  /** Becomes the data directory's config.json. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Told before it serves. */
  readonly onSpawn?: (agent: ChildProcess) => void;
}

/** Starts a daemon on a free port with the runtimes that `npm test` has built. */
export async function startDaemon(options: StartDaemonOptions = {}): Promise<RunningDaemon> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'cloister-'));
  if (options.config !== undefined) writeFileSync(join(dataDir, 'config.json'), JSON.stringify(options.config), { mode: 0o600 });
  await linkRuntimes(dataDir);
  const enter = options.network === undefined ? [] : ['nsenter', `--net=/proc/${options.network}/ns/net`, '--'];
  const up = [...enter, cloister, 'up', '--json', '--data-dir', dataDir, '--listen', '127.0.0.1:0', ...(options.args ?? [])];
  const agent = spawn(up[0] ?? '', up.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  options.onSpawn?.(agent);
  let errors = '';
  agent.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exited = once(agent, 'exit');
  const lines = createInterface({ input: agent.stdout });
  const first = await Promise.race([once(lines, 'line').then(([line]) => String(line)), exited.then(() => undefined)]);
  if (first === undefined) throw new Error(`cloister up ended with ${agent.exitCode ?? agent.signalCode}: ${errors}`);
  const ready = JSON.parse(first) as Credentials & { readonly dataDir: string; readonly pid: number };
  const stop = async () => {
    if (agent.exitCode === null && agent.signalCode === null) agent.kill('SIGTERM');
    await exited;
    return agent.exitCode;
  };
  return {
    endpoint: ready.endpoint,
    credentials: ready,
    dataDir: ready.dataDir,
    pid: ready.pid,
    agent,
    errors: () => errors,
    cli: (...args) => runCli(dataDir, [...enter, cloister, ...args]),
    lambda: (credentials = ready) => new LambdaClient({ endpoint: ready.endpoint, region: ready.region, credentials, maxAttempts: 1 }),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Runs the command line with its data directory given by the environment, as the help recommends for scripts. */
function runCli(dataDir: string, [file = '', ...args]: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      { env: { ...process.env, CLOISTER_DATA_DIR: dataDir, NO_COLOR: '1' }, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
      },
    );
  });
}
