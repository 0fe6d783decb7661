import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Credentials } from '../daemon.ts';
import type { CallOutcome, ClientCall, RealClient } from './call-outcome.ts';
import type { CallerName, Members } from './client-case.ts';
import { python, pythonEnvironment, pythonPackages } from './python-packages.ts';

const program = new URL('python_clients.py', import.meta.url).pathname;

/** A line that the Python process answers. */
interface Line {
  readonly answer?: Members;
  readonly error?: { readonly code: string; readonly message: string };
  readonly failure?: string;
  readonly raw: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string | null } | null;
}

/** boto3 and the AWS CLI in one Python process, so that its start and their imports are paid once. */
export class PythonClients implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly boto3: RealClient;
  readonly cli: RealClient;
  #complaints = '';

  private constructor(child: ChildProcess, directory: string) {
    this.#process = child;
    this.#directory = directory;
    this.boto3 = { call: (call) => this.#call('boto3', call), [Symbol.asyncDispose]: async () => {} };
    this.cli = { call: (call) => this.#call('cli', call), [Symbol.asyncDispose]: async () => {} };
    if (child.stdout === null || child.stderr === null) throw new Error('Python was started without pipes');
    createInterface({ input: child.stdout }).on('line', (line) => this.#waiting.shift()?.(line));
    child.stderr.on('data', (chunk: Buffer) => {
      this.#complaints += chunk.toString();
    });
    child.on('exit', () => {
      for (const answer of this.#waiting.splice(0)) answer(JSON.stringify({ failure: `Python ended: ${this.#complaints}`, raw: null }));
    });
  }

  static async start(callers: Readonly<Record<CallerName, Credentials>>): Promise<PythonClients> {
    const packages = await pythonPackages();
    const directory = mkdtempSync(join(tmpdir(), 'cloister-aws-'));
    const profiles = Object.entries(callers).map(
      ([name, { endpoint, region, accessKeyId, secretAccessKey }]) =>
        `[profile ${name}]\nregion = ${region}\nendpoint_url = ${endpoint}\naws_access_key_id = ${accessKeyId}\n` +
        `aws_secret_access_key = ${secretAccessKey}\nparameter_validation = false\n`,
    );
    writeFileSync(join(directory, 'config'), profiles.join('\n'));
    const env = pythonEnvironment(packages, {
      AWS_CONFIG_FILE: join(directory, 'config'),
      AWS_SHARED_CREDENTIALS_FILE: join(directory, 'none'),
      AWS_MAX_ATTEMPTS: '1',
      TMPDIR: directory,
    });
    return new PythonClients(spawn(python, [program], { env, stdio: ['pipe', 'pipe', 'pipe'] }), directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.stdin?.end();
    if (this.#process.exitCode === null && this.#process.signalCode === null) await exited;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #call(client: 'boto3' | 'cli', { service, operation, as, input }: ClientCall): Promise<CallOutcome> {
    const answered = new Promise<string>((resolve) => {
      this.#waiting.push(resolve);
    });
    this.#process.stdin?.write(`${JSON.stringify({ client, profile: as, service, operation, input: withMarkedBytes(input) })}\n`);
    const { answer, error, failure, raw } = JSON.parse(await answered) as Line;
    if (failure !== undefined || raw === null) throw new Error(failure ?? `${client} made no request for ${operation}`);
    const headers = Object.fromEntries(Object.entries(raw.headers).map(([name, value]) => [name.toLowerCase(), value]));
    const received = { status: raw.status, headers, body: raw.body === null ? undefined : Buffer.from(raw.body, 'base64') };
    return error === undefined ? { raw: received, answer: answer ?? {} } : { raw: received, error };
  }
}

function withMarkedBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(withMarkedBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withMarkedBytes(member)]));
}
