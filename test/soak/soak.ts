import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { LivingEnvironments } from '../conformance/harness/living-environments.ts';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';
import { countOnHost } from '../privileged/leftovers.ts';
import { AnswerJudge } from './answer-judge.ts';
import { type Footprint, type Instance, readFootprint, residentMiB } from './footprint.ts';
import { MemoryTrend } from './memory-trend.ts';
import { SeededRandom } from './seeded-random.ts';
import { type SoakAccount, SoakCalls } from './soak-calls.ts';
import { soakFunctions } from './soak-functions.ts';

const accountIds = ['123456789012', '210987654321', '333333333333'];
const callers = 6;
/** Shares of the time: until the daemon is killed, and until memory is sampled. */
const daemonDiesAt = 0.15;
const samplesFrom = 0.35;

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

export interface SoakResult {
  readonly violations: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  readonly kills: number;
  readonly processes: number;
  readonly memory: Readonly<Record<'daemon' | 'agent', MemoryTrend>>;
  /** Without environments: when memory was first sampled, and at the end. */
  readonly before: Footprint;
  readonly after: Footprint;
  /** What differs on the host from before the daemon was started to after it has stopped. */
  readonly leftOnHost: string;
}

/** A mixed load of three accounts on a daemon whose environments are killed now and then, and it once. */
export class Soak {
  readonly #options: SoakOptions;
  readonly #random: SeededRandom;
  readonly #judge = new AnswerJudge();
  readonly #calls: SoakCalls;
  readonly #dataDirectory = realpathSync(mkdtempSync(join(tmpdir(), 'cloister-soak-')));
  readonly #instance = createHash('sha256').update(this.#dataDirectory).digest('hex').slice(0, 8);
  readonly #living = new LivingEnvironments(this.#dataDirectory);
  readonly #accounts: SoakAccount[] = [];
  readonly #credentials: Credentials[] = [];
  readonly #memory = { daemon: new MemoryTrend(), agent: new MemoryTrend() };
  #daemon: RunningDaemon | undefined;
  #serving = Promise.resolve();
  #kills = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#calls = new SoakCalls(this.#judge, new SeededRandom(options.seed + 1));
  }

  async run(): Promise<SoakResult> {
    const hostBefore = countOnHost(this.#dataDirectory, this.#instance);
    try {
      await this.#prepare();
      const { seconds } = this.#options;
      await this.#load(seconds * daemonDiesAt);
      await this.#killDaemon();
      await this.#load(seconds * (samplesFrom - daemonDiesAt));
      const before = await this.#footprintAtRest();
      await this.#load(seconds * (1 - samplesFrom), () => this.#sampleMemory());
      const after = await this.#footprintAtRest();
      await this.#daemon?.stop();
      const { violations, counts } = this.#judge;
      if (violations.length > 0) this.#options.onProgress?.(`the daemon's log:\n${readFileSync(join(this.#dataDirectory, 'daemon.log'), 'utf8')}`);
      const leftOnHost = await this.#leftOnHost(hostBefore);
      return { violations, counts, kills: this.#kills, processes: this.#calls.processes, memory: this.#memory, before, after, leftOnHost };
    } finally {
      await this.#daemon?.stop();
      rmSync(this.#dataDirectory, { recursive: true, force: true });
    }
  }

  async #prepare(): Promise<void> {
    await this.#start();
    const daemon = this.#running();
    const admin = new AdminClient({ ...daemon.credentials, credentials: daemon.credentials });
    for (const id of accountIds) {
      const made = (await admin.post('credentials', { accountId: id })) as Credentials;
      this.#credentials.push(made);
      const account: SoakAccount = { id, lambda: daemon.lambda({ ...daemon.credentials, ...made }), builds: new Map(), isUpdating: false };
      this.#accounts.push(account);
      for (const { name, runtime, handler, timeoutSeconds, files } of soakFunctions) {
        await deploy(account.lambda, {
          name,
          runtime,
          Handler: handler,
          Timeout: timeoutSeconds,
          MemorySize: 512,
          Environment: { Variables: { SOAK_ACCOUNT: id } },
          files: files(id, 0),
        });
      }
    }
  }

  async #start(): Promise<void> {
    this.#daemon = await startDaemon({ dataDir: this.#dataDirectory });
    this.#connectClients();
  }

  #connectClients(): void {
    const daemon = this.#running();
    for (const [index, account] of this.#accounts.entries()) account.lambda = daemon.lambda({ ...daemon.credentials, ...this.#credentials[index] });
  }

  /** All callers and the killer at once, for so long; every call has ended when it returns. */
  async #load(seconds: number, eachSecond: () => void = () => undefined): Promise<void> {
    const untilMs = performance.now() + seconds * 1_000;
    const goesOn = () => performance.now() < untilMs;
    const caller = async () => {
      while (goesOn()) {
        await this.#serving;
        await this.#calls.one(this.#random.pick(this.#accounts));
      }
    };
    const killer = async () => {
      while (goesOn()) {
        await delay(this.#random.between(300, 2_500));
        if (goesOn()) this.#killEnvironment();
      }
    };
    const watch = async () => {
      while (goesOn()) {
        await delay(1_000);
        eachSecond();
      }
    };
    await Promise.all([...Array.from({ length: callers }, caller), killer(), watch()]);
    this.#options.onProgress?.(this.#progress());
  }

  /** SIGKILL to one process of a random environment: PID 1, the runtime, or what else there is. */
  #killEnvironment(): void {
    const ids = this.#living.ids();
    if (ids.length === 0) return;
    const pids = this.#living.pids(this.#random.pick(ids));
    const owner = pids.map(ownerOf).find((found) => found !== undefined);
    const victim = pids.length === 0 ? undefined : this.#random.pick(pids);
    // One that is being made has nobody's function in it yet.
    if (owner === undefined || victim === undefined) return;
    this.#judge.killed(owner.account, owner.functionName);
    try {
      process.kill(victim, 'SIGKILL');
      this.#kills += 1;
    } catch {
      // It ended first.
    }
  }

  /** kill -9 in the middle of calls, which are answered by broken connections. */
  async #killDaemon(): Promise<void> {
    const back = Promise.withResolvers<void>();
    const calling = Array.from({ length: callers }, () => this.#calls.one(this.#random.pick(this.#accounts)));
    this.#serving = back.promise;
    await delay(this.#random.between(50, 500));
    this.#judge.outageBegins();
    process.kill(this.#processes().daemon, 'SIGKILL');
    await this.#running().stop();
    await Promise.all(calling);
    await this.#start();
    this.#judge.outageEnds();
    back.resolve();
  }

  /** With every environment ended, and the kernel done with what they had. */
  async #footprintAtRest(): Promise<Footprint> {
    const { credentials } = this.#running();
    const admin = new AdminClient({ ...credentials, credentials });
    const { environments } = (await admin.get('environments')) as { environments: { id: string }[] };
    await Promise.allSettled(environments.map(({ id }) => admin.post(`environments/${id}/stop`)));
    // Connections that its clients keep are the daemon's descriptors, too.
    for (const { lambda } of this.#accounts) lambda.destroy();
    this.#connectClients();
    let footprint = readFootprint(this.#instance, this.#dataDirectory, this.#processes());
    // What ends takes a moment; what leaks stays.
    for (let still = 0; still < 8; ) {
      await delay(250);
      const next = readFootprint(this.#instance, this.#dataDirectory, this.#processes());
      still = JSON.stringify(next) === JSON.stringify(footprint) ? still + 1 : 0;
      footprint = next;
    }
    return footprint;
  }

  async #leftOnHost(before: ReturnType<typeof countOnHost>): Promise<string> {
    let difference = '';
    for (let tries = 0; tries < 20; tries += 1) {
      // Namespaces have no name: those of other instances on this host come and go in the same count.
      const { networkNamespaces: _now, ...left } = countOnHost(this.#dataDirectory, this.#instance);
      const { networkNamespaces: _then, ...expected } = before;
      difference = JSON.stringify(left) === JSON.stringify(expected) ? '' : JSON.stringify(left);
      if (difference === '') break;
      await delay(250);
    }
    return difference;
  }

  #sampleMemory(): void {
    const pids = this.#processes();
    for (const who of ['daemon', 'agent'] as const) this.#memory[who].add(performance.now(), residentMiB(pids[who]));
  }

  #processes(): Instance {
    const { daemonPid } = JSON.parse(readFileSync(join(this.#dataDirectory, 'endpoint.json'), 'utf8')) as { daemonPid: number };
    const { pid, endpoint } = this.#running();
    return { daemon: daemonPid, agent: pid, port: Number(new URL(endpoint).port) };
  }

  #running(): RunningDaemon {
    if (this.#daemon === undefined) throw new Error('the daemon has not been started');
    return this.#daemon;
  }

  #progress(): string {
    const answers = [...this.#judge.counts.values()].reduce((sum, count) => sum + count, 0);
    return `${answers} answers, ${this.#kills} kills, ${this.#judge.violations.length} violations`;
  }
}

function ownerOf(pid: number): { readonly account: string; readonly functionName: string } | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    const functionName = variables.find((line) => line.startsWith('AWS_LAMBDA_FUNCTION_NAME='))?.split('=')[1];
    const account = variables.find((line) => line.startsWith('SOAK_ACCOUNT='))?.split('=')[1];
    return functionName === undefined || account === undefined ? undefined : { account, functionName };
  } catch {
    return undefined;
  }
}
