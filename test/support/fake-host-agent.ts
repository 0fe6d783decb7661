import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClaimedDescriptors } from '../../src/agent/host-agent.ts';
import type { AgentEvent, RequestOf, RuntimeSummary } from '../../src/agent/messages.ts';
import { CloisterError } from '../../src/errors.ts';
import { bindLoopbackSocket, connectLoopback, openPipe } from './kernel-objects.ts';
import { RuntimeClient } from './runtime-client.ts';

/** A process of a test, runtime or extension: what runs inside the environment, in this process, over the real socket and pipes. */
export interface RuntimeProcess {
  readonly client: RuntimeClient;
  readonly processId: number;
  /** Aborted when the process has ended, whoever ended it. */
  readonly ended: AbortSignal;
  readonly environmentId: string;
  readonly variables: Readonly<Record<string, string>>;
  /** 1 for the first runtime process of the environment, and for the extensions that were started before it. */
  readonly run: number;
  print(text: string): void;
  printError(text: string): void;
  exit(how: { status?: number; signal?: number; outOfMemory?: boolean }): void;
  /** What SIGTERM does; without it, it ends the process. SIGKILL always does. */
  onTerminate(listener: () => void): void;
  /** PID 1 goes. */
  vanish(outOfMemory?: boolean): void;
}

export type RuntimeProgram = (process: RuntimeProcess) => Promise<void>;

interface FakeProcess {
  readonly kind: 'runtime' | 'extension';
  readonly client: RuntimeClient;
  readonly ended: AbortController;
  onTerminate: (() => void) | undefined;
}

interface FakeEnvironment {
  readonly port: number;
  readonly stdout: number;
  readonly stderr: number;
  readonly extensionOutput: number;
  readonly processes: Map<number, FakeProcess>;
  runs: number;
}

export interface FakeHostAgentOptions {
  /** What /opt/extensions holds, by name. @default nothing */
  readonly extensions?: Readonly<Record<string, RuntimeProgram>>;
}

const freezerWords = { frozen: 'FROZEN', thawed: 'THAWED' };
const signals = { SIGKILL: 9, SIGTERM: 15 } as const;

export const testRuntime: RuntimeSummary = {
  name: 'nodejs24.x',
  digest: 'ab'.repeat(32),
  base: 'Debian 13',
  versionLabel: 'nodejs:24.v1',
  executionEnvironment: 'AWS_Lambda_nodejs24.x',
  variables: { PATH: '/var/lang/bin:/usr/local/bin', LANG: 'en_US.UTF-8', TZ: ':UTC' },
  createdAt: '2026-01-01T00:00:00.000Z',
};

/** A host agent whose environments are this process itself; sockets, pipes, the memory file and the freezer's are real, but nobody is frozen. */
export class FakeHostAgent {
  readonly verbs: string[] = [];
  readonly claims: RequestOf<'claim'>[] = [];
  readonly living = new Map<string, FakeEnvironment | undefined>();
  readonly refusals = new Map<string, CloisterError>();
  readonly #program: RuntimeProgram;
  readonly #extensions: Readonly<Record<string, RuntimeProgram>>;
  readonly #listeners: ((event: AgentEvent) => void)[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'fake-agent-'));
  #count = 0;

  constructor(program: RuntimeProgram, { extensions = {} }: FakeHostAgentOptions = {}) {
    this.#program = program;
    this.#extensions = extensions;
  }

  async listRuntimes(): Promise<readonly RuntimeSummary[]> {
    return [testRuntime];
  }

  async openSlot(_options: RequestOf<'openSlot'>): Promise<string> {
    this.#note('openSlot');
    const id = `slot-${++this.#count}`;
    this.living.set(id, undefined);
    return id;
  }

  async prepare(options: RequestOf<'prepare'>): Promise<string> {
    this.#note('prepare');
    const id = `env-${options.slotId.slice(5).padStart(16, '0')}`;
    this.living.delete(options.slotId);
    this.living.set(id, undefined);
    return id;
  }

  async claim(options: RequestOf<'claim'>): Promise<ClaimedDescriptors> {
    this.#note('claim');
    this.claims.push(options);
    const socket = bindLoopbackSocket();
    const stdout = openPipe();
    const stderr = openPipe();
    const extensionOutput = openPipe();
    const peak = join(this.#directory, options.environmentId);
    writeFileSync(peak, `${30 * 1024 * 1024}\n`);
    const freezer = openSync(this.#freezerFile(options.environmentId), 'w');
    const output = { stdout: stdout.writeEnd, stderr: stderr.writeEnd, extensionOutput: extensionOutput.writeEnd };
    this.living.set(options.environmentId, { port: socket.port, ...output, processes: new Map(), runs: 0 });
    return {
      runtimeApi: socket.descriptor,
      stdout: stdout.readEnd,
      stderr: stderr.readEnd,
      extensionOutput: extensionOutput.readEnd,
      memoryPeak: openSync(peak, 'r'),
      freezer,
      freezerWords,
    };
  }

  /** Every word that was written to the environment's freezer, in order. */
  freezerWrites(environmentId: string): readonly string[] {
    return readFileSync(this.#freezerFile(environmentId), 'utf8').match(/FROZEN|THAWED/g) ?? [];
  }

  async listExtensions({ environmentId }: RequestOf<'listExtensions'>): Promise<{ readonly names: readonly string[] }> {
    this.#note('listExtensions');
    this.#environment(environmentId);
    return { names: Object.keys(this.#extensions).toSorted() };
  }

  async start(options: RequestOf<'start'>): Promise<number> {
    this.#note('start');
    const { environmentId, environment: variables, process } = options;
    const environment = this.#environment(environmentId);
    const program = process.kind === 'runtime' ? this.#program : this.#extensions[process.name];
    if (program === undefined) throw new CloisterError('NotFound', 'no entry point could be executed (errno 2)', { operation: 'fake host agent' });
    const processId = ++this.#count;
    const client = new RuntimeClient(environment.port);
    const started: FakeProcess = { kind: process.kind, client, ended: new AbortController(), onTerminate: undefined };
    environment.processes.set(processId, started);
    const run = process.kind === 'runtime' ? ++environment.runs : environment.runs + 1;
    const running = program({
      client,
      processId,
      ended: started.ended.signal,
      environmentId,
      variables,
      run,
      print: (text) => void writeSync(process.kind === 'runtime' ? environment.stdout : environment.extensionOutput, text),
      printError: (text) => void writeSync(process.kind === 'runtime' ? environment.stderr : environment.extensionOutput, text),
      onTerminate: (listener) => {
        started.onTerminate = listener;
      },
      exit: ({ status, signal, outOfMemory = false }) => this.#exit(environmentId, processId, { status, signal, outOfMemory }),
      vanish: (outOfMemory = false) => this.#vanish(environmentId, outOfMemory),
    });
    // An ended process's requests fail: that is how such a program stops here.
    running.catch(() => {});
    return processId;
  }

  async signal({ environmentId, processId, signal }: RequestOf<'signal'>): Promise<void> {
    this.#note(`signal ${signal}`);
    const process = this.#environment(environmentId).processes.get(processId);
    if (process === undefined) return;
    if (signal === 'SIGTERM' && process.onTerminate !== undefined) process.onTerminate();
    else this.#exit(environmentId, processId, { signal: signals[signal] });
  }

  /** Every environment's loopback is this host's. */
  async connect({ environmentId, port }: RequestOf<'connect'>): Promise<{ readonly descriptor: number }> {
    this.#note('connect');
    this.#environment(environmentId);
    const descriptor = connectLoopback(port);
    if (descriptor === undefined)
      throw new CloisterError('ConnectionRefused', 'nothing listens there in the environment', { operation: 'fake host agent' });
    return { descriptor };
  }

  async reset(environmentId: string): Promise<void> {
    this.#note('reset');
    for (const processId of [...this.#environment(environmentId).processes.keys()]) this.#exit(environmentId, processId, { signal: 9 });
  }

  async setLimits(options: RequestOf<'setLimits'>): Promise<void> {
    this.#note(`setLimits ${options.phase}`);
  }

  async destroy(id: string): Promise<void> {
    this.#note('destroy');
    const environment = this.living.get(id);
    this.living.delete(id);
    if (environment === undefined) return;
    for (const process of environment.processes.values()) end(process);
    closeSync(environment.stdout);
    closeSync(environment.stderr);
    closeSync(environment.extensionOutput);
  }

  /** What a kill(2) from outside does: the runtime's process goes, or PID 1 and the environment with it. */
  kill(environmentId: string, what: 'runtime' | 'init'): void {
    if (what === 'init') {
      this.#vanish(environmentId, false);
      return;
    }
    for (const [processId, { kind }] of this.living.get(environmentId)?.processes ?? [])
      if (kind === 'runtime') this.#exit(environmentId, processId, { signal: 9 });
  }

  onEvent(listener: (event: AgentEvent) => void): void {
    this.#listeners.push(listener);
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
  }

  #exit(environmentId: string, processId: number, how: { status?: number | undefined; signal?: number | undefined; outOfMemory?: boolean }): void {
    const processes = this.living.get(environmentId)?.processes;
    const process = processes?.get(processId);
    if (process === undefined) return;
    processes?.delete(processId);
    end(process);
    const { status = null, signal = null, outOfMemory = false } = how;
    this.#tell({ event: 'exited', environmentId, processId, status, signal, outOfMemory });
  }

  #vanish(environmentId: string, outOfMemory: boolean): void {
    const environment = this.living.get(environmentId);
    if (environment === undefined) return;
    for (const process of environment.processes.values()) end(process);
    environment.processes.clear();
    this.#tell({ event: 'environmentGone', environmentId, outOfMemory });
  }

  #freezerFile(environmentId: string): string {
    return join(this.#directory, `${environmentId}.freezer`);
  }

  #environment(id: string): FakeEnvironment {
    const environment = this.living.get(id);
    if (environment === undefined) throw new CloisterError('NotFound', `no environment ${id}`, { operation: 'fake host agent' });
    return environment;
  }

  #note(verb: string): void {
    this.verbs.push(verb);
    const refusal = this.refusals.get(verb);
    if (refusal !== undefined) throw refusal;
  }

  #tell(event: AgentEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function end({ client, ended }: FakeProcess): void {
  client.close();
  ended.abort();
}
