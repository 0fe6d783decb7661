import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { CloisterError } from '../../src/errors.ts';
import type { FunctionVersion } from '../../src/functions/function-version.ts';
import type { FunctionInvoker } from '../../src/invoke/function-invoker.ts';
import type { FakeClock } from './fake-clock.ts';
import { functionVersion } from './function-version.ts';

/** What an interleaving runs on: pool, environments and invoker of ours over some host agent, on a clock that the interleaving moves. */
export interface ReuseRig {
  readonly invoker: FunctionInvoker;
  readonly clock: FakeClock;
  readonly runtime: string;
  readonly maxEnvironments: number;
  readonly idleTimeoutMs: number;
  /** Names the image of code 1 or 2 in an account. */
  codeDigest(accountId: string, code: number): string;
  /** Environments that exist, counted where they are, not by the pool. */
  living(): number;
  /** Ends the runtime's process, or PID 1, from outside. */
  kill(environmentId: string, what: 'runtime' | 'init'): Promise<void>;
}

const accounts = ['111111111111', '222222222222'] as const;
const tenants = ['blue', 'green'] as const;
const settleTimeoutMs = 20_000;

interface ModelFunction {
  readonly accountId: string;
  readonly isIsolated: boolean;
  published: number;
}

/** What there ought to be: the functions by name, and nothing else. */
interface Model {
  readonly functions: Map<string, ModelFunction>;
}

interface RealFunction {
  latest: FunctionVersion;
  readonly versions: FunctionVersion[];
}

/** How an invocation came out, held against who was invoked. */
interface Mark {
  readonly who: string;
  readonly memory: string;
  readonly tmp: string;
}

/** One run of commands on a rig, and everything it saw that must not be. */
export class Interleaving {
  readonly rig: ReuseRig;
  readonly functions = new Map<string, RealFunction>();
  readonly violations: string[] = [];
  readonly seen = { invocations: 0, reuses: 0, resets: 0, failures: 0, refusals: 0, mostLiving: 0 };
  readonly #inFlight = new Set<Promise<void>>();
  readonly #ownerOfMark = new Map<string, string>();
  hasKilled = false;
  #disturbances = 0;
  #longTimes = 0;
  #nextRevision = 0;

  constructor(rig: ReuseRig) {
    this.rig = rig;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** From here on an invocation that runs may fail. */
  disturb(): void {
    this.#disturbances += 1;
  }

  /** More time passes than anybody waits for room. */
  passLongTime(): void {
    this.#longTimes += 1;
    this.rig.clock.advance(this.rig.idleTimeoutMs);
  }

  /** A function version at a revision of its own; what it is, its variables and its code say, too. */
  version(name: string, change: { readonly accountId: string; readonly code: number; readonly version?: string; readonly isIsolated: boolean }) {
    const revisionId = `revision-${this.#nextRevision++}`;
    const { accountId, code, version = '$LATEST', isIsolated } = change;
    return functionVersion({
      accountId,
      functionName: name,
      version,
      revisionId,
      runtime: this.rig.runtime,
      codeDigest: this.rig.codeDigest(accountId, code),
      environment: { OWNER: `${accountId}/${name}/${version}/${revisionId}`, CODE: String(code) },
      ...(isIsolated ? { tenantIsolationMode: 'PER_TENANT' as const } : {}),
    });
  }

  invoke(fn: FunctionVersion, options: { readonly event: string; readonly tenantId: string | undefined }): void {
    const { event, tenantId } = options;
    const disturbances = this.#disturbances;
    const longTimes = this.#longTimes;
    const request = { requestId: randomUUID(), function: fn, invokedFunctionArn: fn.functionArn, payload: Buffer.from(`"${event}"`), logTail: true };
    const expected = `${fn.environment['CODE']}|${fn.environment['OWNER']}|${tenantId ?? ''}`;
    this.seen.invocations += 1;
    const run = this.rig.invoker
      .invoke({ ...request, ...(tenantId === undefined ? {} : { tenantId }) })
      .then(
        (result) => {
          const text = String(result.payload);
          if (result.functionError === undefined) this.#checkMark(JSON.parse(text) as Mark, expected);
          else if (event !== 'exit' && this.#disturbances === disturbances && !this.#isOfKill(text))
            this.violations.push(`${expected} failed by itself: ${text}`);
          else this.seen.failures += 1;
        },
        (error: unknown) =>
          this.#refused(error, expected, { wasDisturbed: this.#disturbances !== disturbances, hasWaitedLong: this.#longTimes !== longTimes }),
      )
      .finally(() => this.#inFlight.delete(run));
    this.#inFlight.add(run);
  }

  /** Waits for everything that runs. */
  async settle(): Promise<void> {
    const late = Promise.withResolvers<never>();
    const limit = setTimeout(() => late.reject(new Error(`${this.inFlight} invocations never ended`)), settleTimeoutMs);
    try {
      await Promise.race([Promise.all(this.#inFlight), late.promise]);
    } finally {
      clearTimeout(limit);
    }
  }

  async someEnvironment(pick: number): Promise<string | undefined> {
    const list = this.rig.invoker.listEnvironments();
    return list[pick % Math.max(1, list.length)]?.id;
  }

  /** After every command, whatever else runs. */
  check(): void {
    const living = this.rig.living();
    this.seen.mostLiving = Math.max(this.seen.mostLiving, living);
    if (living > this.rig.maxEnvironments) this.violations.push(`${living} environments live, ${this.rig.maxEnvironments} may`);
    if (this.violations.length > 0) throw new Error(this.violations.join('\n'));
  }

  /** Ends everything as a deletion of every function does, and looks whether all of it is gone. */
  async end(): Promise<void> {
    await this.settle();
    for (const [functionName, { latest }] of this.functions) this.rig.invoker.retire({ accountId: latest.accountId, functionName });
    const untilMs = performance.now() + settleTimeoutMs;
    while ((this.rig.living() > 0 || this.rig.invoker.listEnvironments().length > 0) && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const left = this.rig.living();
    if (left > 0) this.violations.push(`${left} environments were left`);
    this.check();
  }

  #checkMark({ who, memory, tmp }: Mark, expected: string): void {
    if (who !== expected) this.violations.push(`${who} answered for ${expected}`);
    const isNewProcess = !this.#ownerOfMark.has(memory.split('#')[1] ?? '');
    for (const [where, mark] of [['memory', memory] as const, ['/tmp', tmp] as const]) {
      const [marked = '', secret = ''] = mark.split('#');
      if (marked !== expected) this.violations.push(`${expected} found the mark of ${marked} in ${where}`);
      const known = this.#ownerOfMark.get(secret);
      if (known !== undefined && known !== expected) this.violations.push(`${expected} has the ${where} of ${known}`);
      if (known !== undefined && where === '/tmp') this.seen[isNewProcess ? 'resets' : 'reuses'] += 1;
      this.#ownerOfMark.set(secret, expected);
    }
  }

  /** The agent tells of a kill when it has seen it: what is invoked in between meets a dead process. */
  #isOfKill(failure: string): boolean {
    return this.hasKilled && /signal: killed|without providing a reason/.test(failure);
  }

  /** Capacity that is lost shows as a refusal although fewer run than may. */
  #refused(error: unknown, expected: string, { wasDisturbed, hasWaitedLong }: { wasDisturbed: boolean; hasWaitedLong: boolean }): void {
    this.seen.refusals += 1;
    const code = error instanceof CloisterError ? error.code : String(error);
    if (code === 'NoCapacity' && hasWaitedLong) return;
    // This invocation itself still counts among those in flight.
    if (code === 'NoCapacity' && this.inFlight - 1 >= this.rig.maxEnvironments) return;
    if (code === 'ShuttingDown' && wasDisturbed) return;
    this.violations.push(`${expected} was refused with ${code} while ${this.inFlight - 1} others ran`);
  }
}

type Command = fc.AsyncCommand<Model, Interleaving>;

/** A command by its name, where it is possible, and what it does to both; the invariants are looked at after each. */
function command(
  label: string,
  isPossible: (model: Readonly<Model>) => boolean,
  act: (model: Model, real: Interleaving) => Promise<void> | void,
): Command {
  return {
    check: isPossible,
    run: async (model, real) => {
      await act(model, real);
      // Events of sockets and of the agent come in between, as they do in life.
      await new Promise((resolve) => setImmediate(resolve));
      real.check();
    },
    toString: () => label,
  };
}

const names = ['f', 'g', 'h'] as const;
const name = fc.constantFrom(...names);
const pick = fc.nat(7);
const has = (functionName: string) => (model: Readonly<Model>) => model.functions.has(functionName);

function functionOf(model: Model, real: Interleaving, functionName: string): { readonly known: ModelFunction; readonly fn: RealFunction } {
  const known = model.functions.get(functionName);
  const fn = real.functions.get(functionName);
  if (known === undefined || fn === undefined) throw new Error(`${functionName} is not there`);
  return { known, fn };
}

function createFunction(
  model: Model,
  real: Interleaving,
  wanted: { functionName: string; accountId: string; isIsolated: boolean; code: number },
): void {
  const { functionName, accountId, isIsolated, code } = wanted;
  model.functions.set(functionName, { accountId, isIsolated, published: 0 });
  real.functions.set(functionName, { latest: real.version(functionName, { accountId, code, isIsolated }), versions: [] });
}

const create = fc.tuple(name, fc.constantFrom(...accounts), fc.boolean(), fc.constantFrom(1, 2)).map(([functionName, accountId, isIsolated, code]) =>
  command(
    `create ${accountId}/${functionName}${isIsolated ? ' per tenant' : ''} code ${code}`,
    (model) => !model.functions.has(functionName),
    (model, real) => createFunction(model, real, { functionName, accountId, isIsolated, code }),
  ),
);

const invoke = fc
  .record({
    functionName: name,
    which: pick,
    tenant: fc.constantFrom(...tenants),
    event: fc.constantFrom('echo', 'echo', 'echo', 'echo', 'late', 'exit'),
    times: fc.integer({ min: 1, max: 3 }),
    isAwaited: fc.boolean(),
  })
  .map(({ functionName, which, tenant, event, times, isAwaited }) =>
    command(`invoke ${functionName} ${which} ${tenant} ${event} x${times}${isAwaited ? ' and wait' : ''}`, has(functionName), async (model, real) => {
      const { known, fn } = functionOf(model, real, functionName);
      const version = [fn.latest, fn.latest, ...fn.versions][which % (2 + fn.versions.length)] ?? fn.latest;
      for (let time = 0; time < times; time += 1) real.invoke(version, { event, tenantId: known.isIsolated ? tenant : undefined });
      if (isAwaited) await real.settle();
    }),
  );

const update = fc.tuple(name, fc.constantFrom(1, 2)).map(([functionName, code]) =>
  command(`update ${functionName} to code ${code}`, has(functionName), (model, real) => {
    const { known, fn } = functionOf(model, real, functionName);
    fn.latest = real.version(functionName, { accountId: known.accountId, code, isIsolated: known.isIsolated });
    real.rig.invoker.retire({ accountId: known.accountId, functionName, version: '$LATEST' });
  }),
);

const publish = name.map((functionName) =>
  command(`publish ${functionName}`, has(functionName), (model, real) => {
    const { known, fn } = functionOf(model, real, functionName);
    known.published += 1;
    const code = Number(fn.latest.environment['CODE']);
    fn.versions.push(
      real.version(functionName, { accountId: known.accountId, code, isIsolated: known.isIsolated, version: String(known.published) }),
    );
  }),
);

const remove = name.map((functionName) =>
  command(`delete ${functionName}`, has(functionName), (model, real) => {
    const { known } = functionOf(model, real, functionName);
    model.functions.delete(functionName);
    real.functions.delete(functionName);
    real.rig.invoker.retire({ accountId: known.accountId, functionName });
  }),
);

const kill = fc.tuple(fc.constantFrom('runtime' as const, 'init' as const), pick).map(([what, which]) =>
  command(
    `kill ${what} of ${which}`,
    () => true,
    async (_model, real) => {
      const id = await real.someEnvironment(which);
      if (id === undefined) return;
      real.disturb();
      real.hasKilled = true;
      await real.rig.kill(id, what);
    },
  ),
);

const stop = pick.map((which) =>
  command(
    `stop ${which}`,
    () => true,
    async (_model, real) => {
      const id = await real.someEnvironment(which);
      if (id === undefined) return;
      real.disturb();
      await real.rig.invoker.stopEnvironment(id);
    },
  ),
);

/** Long enough for idle environments to be frozen, far from every other limit. */
const rest = fc.constant(
  command(
    'rest',
    () => true,
    (_model, real) => real.rig.clock.advance(5),
  ),
);

const settle = fc.constant(
  command(
    'settle',
    () => true,
    (_model, real) => real.settle(),
  ),
);

const reclaim = fc.constant(
  command(
    'reclaim',
    () => true,
    (_model, real) => {
      // Invocations that run meet their time limit in the same time.
      if (real.inFlight > 0) real.disturb();
      real.passLongTime();
    },
  ),
);

/** Random orders of everything that can happen to functions and their environments. */
export function interleavings(maxCommands: number): fc.Arbitrary<Iterable<Command>> {
  const often = [invoke, invoke, invoke, invoke, invoke, invoke, create, settle];
  return fc.commands([...often, rest, rest, update, publish, remove, kill, stop, reclaim], { maxCommands, size: 'max' });
}

/** Runs one order on a rig, from two functions of two accounts to no environment; answers what it saw. */
export async function runInterleaving(rig: ReuseRig, commands: Iterable<Command>): Promise<Interleaving['seen']> {
  const real = new Interleaving(rig);
  try {
    const model: Model = { functions: new Map() };
    createFunction(model, real, { functionName: 'f', accountId: accounts[0], isIsolated: false, code: 1 });
    createFunction(model, real, { functionName: 'g', accountId: accounts[1], isIsolated: true, code: 1 });
    await fc.asyncModelRun(() => ({ model, real }), commands);
  } finally {
    await real.end();
  }
  return real.seen;
}
