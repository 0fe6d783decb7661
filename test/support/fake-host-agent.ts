import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClaimedDescriptors } from '../../src/agent/host-agent.ts';
import type { AgentEvent, RequestOf, RuntimeSummary } from '../../src/agent/messages.ts';
import { CloisterError } from '../../src/errors.ts';
import { bindLoopbackSocket, openPipe } from './kernel-objects.ts';
import { RuntimeClient } from './runtime-client.ts';

/** A runtime process of a test: what runs inside the environment, in this process, over the real socket and pipes. */
export interface RuntimeProcess {
  readonly client: RuntimeClient;
  readonly environmentId: string;
  readonly variables: Readonly<Record<string, string>>;
  /** 1 for the first process of the environment. */
  readonly run: number;
  print(text: string): void;
  printError(text: string): void;
  exit(how: { status?: number; signal?: number; outOfMemory?: boolean }): void;
  /** PID 1 goes. */
  vanish(outOfMemory?: boolean): void;
}

export type RuntimeProgram = (process: RuntimeProcess) => Promise<void>;

interface FakeEnvironment {
  readonly port: number;
  readonly stdout: number;
  readonly stderr: number;
  readonly clients: Set<RuntimeClient>;
  processId: number | undefined;
  runs: number;
}

export const testRuntime: RuntimeSummary = {
  name: 'nodejs24.x',
  digest: 'ab'.repeat(32),
  base: 'Debian 13',
  versionLabel: 'nodejs:24.v1',
  executionEnvironment: 'AWS_Lambda_nodejs24.x',
  variables: { PATH: '/var/lang/bin:/usr/local/bin', LANG: 'en_US.UTF-8', TZ: ':UTC' },
  createdAt: '2026-01-01T00:00:00.000Z',
};

/** A host agent whose environments are this process itself; sockets, pipes and the memory file are real. */
export class FakeHostAgent {
  readonly verbs: string[] = [];
  readonly claims: RequestOf<'claim'>[] = [];
  readonly living = new Map<string, FakeEnvironment | undefined>();
  readonly refusals = new Map<string, CloisterError>();
  readonly #program: RuntimeProgram;
  readonly #listeners: ((event: AgentEvent) => void)[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'fake-agent-'));
  #count = 0;

  constructor(program: RuntimeProgram) {
    this.#program = program;
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
    const peak = join(this.#directory, options.environmentId);
    writeFileSync(peak, `${30 * 1024 * 1024}\n`);
    const environment = { port: socket.port, stdout: stdout.writeEnd, stderr: stderr.writeEnd, clients: new Set<RuntimeClient>() };
    this.living.set(options.environmentId, { ...environment, processId: undefined, runs: 0 });
    return { runtimeApi: socket.descriptor, stdout: stdout.readEnd, stderr: stderr.readEnd, memoryPeak: openSync(peak, 'r') };
  }

  async start(options: RequestOf<'start'>): Promise<number> {
    this.#note('start');
    const { environmentId, environment: variables } = options;
    const environment = this.#environment(environmentId);
    const processId = ++this.#count;
    const client = new RuntimeClient(environment.port);
    environment.clients.add(client);
    environment.processId = processId;
    environment.runs += 1;
    const running = this.#program({
      client,
      environmentId,
      variables,
      run: environment.runs,
      print: (text) => void writeSync(environment.stdout, text),
      printError: (text) => void writeSync(environment.stderr, text),
      exit: ({ status, signal, outOfMemory = false }) => {
        client.close();
        environment.processId = undefined;
        this.#tell({ event: 'exited', environmentId, processId, status: status ?? null, signal: signal ?? null, outOfMemory });
      },
      vanish: (outOfMemory = false) => {
        client.close();
        this.#tell({ event: 'environmentGone', environmentId, outOfMemory });
      },
    });
    // An ended process's requests fail: that is how such a program stops here.
    running.catch(() => {});
    return processId;
  }

  async reset(environmentId: string): Promise<void> {
    this.#note('reset');
    const environment = this.#environment(environmentId);
    for (const client of environment.clients) client.close();
    environment.clients.clear();
    const { processId } = environment;
    environment.processId = undefined;
    if (processId !== undefined) this.#tell({ event: 'exited', environmentId, processId, status: null, signal: 9, outOfMemory: false });
  }

  async setLimits(options: RequestOf<'setLimits'>): Promise<void> {
    this.#note(`setLimits ${options.phase}`);
  }

  async destroy(id: string): Promise<void> {
    this.#note('destroy');
    const environment = this.living.get(id);
    this.living.delete(id);
    if (environment === undefined) return;
    for (const client of environment.clients) client.close();
    closeSync(environment.stdout);
    closeSync(environment.stderr);
  }

  /** What a kill(2) from outside does: the runtime's process goes, or PID 1 and the environment with it. */
  kill(environmentId: string, what: 'runtime' | 'init'): void {
    const environment = this.living.get(environmentId);
    if (environment === undefined) return;
    const { processId } = environment;
    if (what === 'runtime' && processId === undefined) return;
    for (const client of environment.clients) client.close();
    environment.processId = undefined;
    if (what === 'init') this.#tell({ event: 'environmentGone', environmentId, outOfMemory: false });
    else if (processId !== undefined) this.#tell({ event: 'exited', environmentId, processId, status: null, signal: 9, outOfMemory: false });
  }

  onEvent(listener: (event: AgentEvent) => void): void {
    this.#listeners.push(listener);
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true });
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
