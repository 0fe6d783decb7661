import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateFunctionCommand, InvokeCommand, type LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { CloisterError } from '../errors.ts';
import { readSeccompFilters } from '../linux/seccomp-filter.ts';
import type {
  Aim,
  AttackContext,
  AttackOptions,
  Attempt,
  FunctionName,
  Inside,
  NeighbourAddresses,
  NeighbourTiming,
  RouterCounters,
  SeccompFilters,
} from './attack.ts';
import { controlGroupsOf, type KernelReading, peaks, readCounters, readKernel } from './kernel-view.ts';
import { timeNeighbour } from './neighbour-timing.ts';
import { readAddresses } from './network-addresses.ts';
import { readRouterCounters } from './router-counters.ts';
import type { ListedEnvironment, ThrowawayCloister } from './throwaway-cloister.ts';

const neighbourAccount = '210987654321';
const runtime = 'provided.al2023';
const role = 'arn:aws:iam::123456789012:role/cloister-audit';
/** Of one invocation that only keeps the neighbour from being frozen. */
const awakeMs = 200;
const samplePeriodMs = 4;
const guessedAddresses = ['10.203.0.1', '10.203.0.2'] as const;
const guessedLinks = ['eth0'] as const;

/** The attacker's and the neighbour's functions: 1,769 MiB earn one whole processor. */
const functions = {
  attacker: { MemorySize: 1_769, Timeout: 60 },
  'attacker-egress': { MemorySize: 256, Timeout: 60 },
  'attacker-small': { MemorySize: 442, Timeout: 60 },
  'attacker-stopped': { MemorySize: 256, Timeout: 2 },
  neighbour: { MemorySize: 256, Timeout: 60 },
} as const;

/** Two accounts on one Cloister: what attackers of the first do, what the neighbour of the second feels of it, and what the kernel says of both. */
export class AttackSession implements AttackContext {
  readonly aim: Aim;
  readonly #cloister: ThrowawayCloister;
  readonly #lambda: LambdaClient;
  readonly #neighbourLambda: LambdaClient;
  readonly #filters = new Map<string, SeccompFilters>();
  readonly #deployed = new Map<string, Promise<void>>();
  #archive: Buffer = Buffer.alloc(0);
  #presentIn: string | undefined;
  quiet: NeighbourTiming | undefined;

  private constructor(cloister: ThrowawayCloister, clients: { readonly attacker: LambdaClient; readonly neighbour: LambdaClient }, canary: string) {
    this.#cloister = cloister;
    this.#lambda = clients.attacker;
    this.#neighbourLambda = clients.neighbour;
    const secret = randomBytes(6).toString('hex');
    this.aim = {
      canary,
      key: randomInt(0x1000_0000, 0x7fff_ffff),
      queue: `cloister-audit-${secret}`,
      socket: `cloister-audit-${secret}`,
      port: 7001,
      hostName: hostname(),
      agentPid: cloister.agentPid,
      rootDevice: statSync('/').dev,
      apiPort: cloister.apiPort,
    };
  }

  static async open(cloister: ThrowawayCloister, { archive, canary }: { readonly archive: Buffer; readonly canary: string }): Promise<AttackSession> {
    const clients = { attacker: await cloister.lambda(), neighbour: await cloister.lambda(neighbourAccount) };
    const session = new AttackSession(cloister, clients, canary);
    session.#archive = archive;
    await session.#present();
    return session;
  }

  async attack(name: string, event: Readonly<Record<string, string | number>> = {}, options: AttackOptions = {}): Promise<Attempt> {
    const from = options.from ?? 'attacker';
    const target = await this.#environment(this.#lambda, from);
    const [neighbour] = await this.#present();
    const filters = await this.#filtersOf(from, target);
    const before = readKernel(target.pids, groupsOf(target));
    const aimed = { ...this.aim, hostUptime: uptime(), neighbourPid: neighbour.pid, neighbourInit: neighbour.initPid };
    const attack = this.#invoke(this.#lambda, from, { attack: name, ...aimed, ...event });
    if (options.neighbour !== true) {
      if (options.neighbourAwake === true) await this.#keepNeighbourAwake(attack);
      const inside = await attack;
      return { inside, outside: { before, after: this.#readAfter(before, target, {}) }, filters };
    }
    const watched = watchCounters(target, attack);
    const timing = await timeNeighbour({
      invoke: (nonce) => this.#invoke(this.#neighbourLambda, 'neighbour', { attack: 'neighbour.work', nonce }),
      until: attack,
    });
    const inside = await attack;
    const after = this.#readAfter(before, target, await watched);
    return { inside, filters, outside: { before, after, neighbour: timing } };
  }

  async neighbour(): Promise<KernelReading> {
    return (await this.#present())[0];
  }

  async neighbourInvocation(durationMs: number): Promise<{ readonly requestId: string; readonly answered: Promise<Inside> }> {
    const { pid } = await this.neighbour();
    const path = `/proc/${pid}/root/tmp/cloister-request`;
    const before = tryRead(path);
    const answered = this.#invoke(this.#neighbourLambda, 'neighbour', { attack: 'neighbour.wait', durationMs, mark: 'yes' });
    answered.catch(() => undefined);
    for (let waitedMs = 0; waitedMs < durationMs; waitedMs += samplePeriodMs) {
      const requestId = tryRead(path);
      if (requestId !== '' && requestId !== before) return { requestId, answered };
      await sleep(samplePeriodMs);
    }
    throw new CloisterError('EnvironmentGone', 'the neighbour does not say which invocation it serves', { operation: 'audit' });
  }

  async neighbourAddresses(): Promise<NeighbourAddresses> {
    const { id, pids } = await this.#environment(this.#neighbourLambda, 'neighbour');
    const { network } = await this.#cloister.evidence(id);
    const told = network?.['address']?.value;
    const read = readAddresses(readKernel(pids, {}).pid);
    const ipv4 = [...new Set([...read.ipv4, ...(typeof told === 'string' ? [told] : [])])];
    // Where nothing is to be found an attacker guesses.
    return { ...read, ipv4: ipv4.length === 0 ? guessedAddresses : ipv4, links: read.links.length === 0 ? guessedLinks : read.links };
  }

  async routerCounters(of: FunctionName): Promise<RouterCounters> {
    const { id } = await this.#environment(this.#lambda, of);
    const { network } = await this.#cloister.evidence(id);
    return readRouterCounters(network?.['router']?.readFrom);
  }

  loggedBytes(): number {
    const logs = join(this.#cloister.dataDirectory, 'logs');
    const entries = readdirSync(logs, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return entries.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  }

  /** Times the neighbour while nothing else happens. */
  async timeQuiet(invocations: number): Promise<void> {
    if (invocations === 0) return;
    this.quiet = await timeNeighbour({
      invoke: (nonce) => this.#invoke(this.#neighbourLambda, 'neighbour', { attack: 'neighbour.work', nonce }),
      invocations,
    });
  }

  async #keepNeighbourAwake(until: Promise<unknown>): Promise<void> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    const over = until.then(end, end);
    while (!isOver) await this.#invoke(this.#neighbourLambda, 'neighbour', { attack: 'neighbour.wait', durationMs: awakeMs });
    await over;
  }

  /** Has the neighbour take away what would outlive it where a wall is missing. */
  async close(): Promise<void> {
    await this.#invoke(this.#neighbourLambda, 'neighbour', { attack: 'neighbour.leave', key: this.aim.key, queue: this.aim.queue });
  }

  /** Makes sure that the neighbour's things are there in its present environment. */
  async #present(): Promise<readonly [KernelReading]> {
    const environment = await this.#environment(this.#neighbourLambda, 'neighbour');
    if (this.#presentIn !== environment.id) {
      await this.#invoke(this.#neighbourLambda, 'neighbour', { attack: 'neighbour.be-there', ...this.aim });
      this.#presentIn = environment.id;
    }
    return [readKernel(environment.pids, groupsOf(environment))];
  }

  /** An environment that has gone with the attack leaves its last readings, with what the host as a whole has counted since. */
  #readAfter(before: KernelReading, target: ListedEnvironment, last: KernelReading['counters']): KernelReading {
    const after = readKernel(target.pids, groupsOf(target));
    if (after.pid !== 0 && after.initPid === before.initPid) return { ...after, counters: { ...after.counters, ...highest(last, after.counters) } };
    return { ...before, counters: { ...before.counters, ...last, ...readCounters({}) } };
  }

  /** The environment that serves the function now: it is invoked first, since the one that served last may be ending. */
  async #environment(lambda: LambdaClient, functionName: FunctionName): Promise<ListedEnvironment> {
    await this.#invoke(lambda, functionName, { attack: 'neighbour.wait', durationMs: 0 });
    const all = (await this.#cloister.environments()).filter((one) => one.functionName === functionName && one.pids.length > 1);
    const latest = all.toSorted((one, other) => other.createdAt.localeCompare(one.createdAt))[0];
    if (latest === undefined) throw new CloisterError('EnvironmentGone', `${functionName} has no environment`, { operation: 'audit' });
    return latest;
  }

  /** The filters of the function's own process, read once for each environment: the kernel lets nobody take one away. */
  async #filtersOf(functionName: FunctionName, target: ListedEnvironment): Promise<SeccompFilters> {
    const known = this.#filters.get(target.id);
    if (known !== undefined) return known;
    const { pid, status } = readKernel(target.pids, {});
    let filters: SeccompFilters = [];
    if (status['Seccomp'] !== '0') {
      // ORDER: while an invocation runs, since a frozen process does not stop for ptrace.
      const busy = this.#invoke(this.#lambda, functionName, { attack: 'neighbour.wait', durationMs: 200 });
      await sleep(50);
      filters = readSeccompFilters(pid);
      await busy;
    }
    this.#filters.set(target.id, filters);
    return filters;
  }

  async #invoke(lambda: LambdaClient, functionName: FunctionName, event: Readonly<Record<string, string | number>>): Promise<Inside> {
    await this.#deployOnce(lambda, functionName);
    // The attacker reads strings only.
    const payload = JSON.stringify(Object.fromEntries(Object.entries(event).map(([name, value]) => [name, String(value)])));
    const answer = await lambda.send(new InvokeCommand({ FunctionName: functionName, Payload: payload }));
    const text = Buffer.from(answer.Payload ?? []).toString();
    if (answer.FunctionError === undefined) return JSON.parse(text) as Inside;
    return { steps: [], facts: {}, ended: { status: -1, signal: 0, timedOut: false }, functionError: text };
  }

  /** Functions are made when they are needed first. */
  #deployOnce(lambda: LambdaClient, name: FunctionName): Promise<void> {
    let deployed = this.#deployed.get(name);
    if (deployed === undefined) {
      deployed = deploy(lambda, name, this.#archive);
      this.#deployed.set(name, deployed);
    }
    return deployed;
  }
}

async function deploy(lambda: LambdaClient, name: FunctionName, archive: Buffer): Promise<void> {
  const settings = { Runtime: runtime, Handler: 'bootstrap', Role: role, ...functions[name] } as const;
  await lambda.send(new CreateFunctionCommand({ FunctionName: name, ...settings, Code: { ZipFile: archive } }));
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { FunctionName: name });
}

function groupsOf(environment: ListedEnvironment): Record<string, string> {
  return controlGroupsOf(environment.pids[0] ?? 0);
}

/** The counters of an environment as they were last, read over and over until `done`: its groups may go with it. Of connections the most at once. */
async function watchCounters(target: ListedEnvironment, done: Promise<unknown>): Promise<KernelReading['counters']> {
  const groups = groupsOf(target);
  const { initPid } = readKernel(target.pids, {});
  let last: KernelReading['counters'] = {};
  const look = () => {
    const now = readCounters(groups, initPid);
    last = { ...last, ...now, ...highest(last, now) };
  };
  let running = true;
  const end = () => {
    running = false;
  };
  const settled = done.then(end, end);
  while (running) {
    look();
    await Promise.race([settled, sleep(samplePeriodMs)]);
  }
  look();
  return last;
}

function highest(one: KernelReading['counters'], other: KernelReading['counters']): KernelReading['counters'] {
  return Object.fromEntries(
    peaks.flatMap((name) =>
      [one[name], other[name]]
        .flatMap((counter) => (counter === undefined ? [] : [[name, counter] as const]))
        .toSorted(([, a], [, b]) => a.value - b.value),
    ),
  );
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function uptime(): number {
  return Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]));
}
