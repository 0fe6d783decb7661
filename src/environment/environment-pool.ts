import { CloisterError } from '../errors.ts';
import type { EnvironmentLifetime } from '../functions/environment-lifetime.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { memoryPerVcpuMiB } from '../functions/memory-per-vcpu.ts';
import type { Clock, ScheduledTask } from './clock.ts';
import { EarliestTimer } from './earliest-timer.ts';
import type { EnvironmentOwner } from './environment-owner.ts';

/** What the pool must know of an environment. */
export interface PooledEnvironment {
  readonly id: string | undefined;
  readonly isUsable: boolean;
  /** Rejects when the environment cannot be made; the pool then destroys what there is of it. */
  start(): Promise<void>;
  destroy(): Promise<void>;
  onLost(listener: () => void): void;
}

export interface EnvironmentPoolOptions<E extends PooledEnvironment> {
  readonly create: (owner: EnvironmentOwner) => E;
  readonly clock: Clock;
  /** How long environments of a function are kept. */
  readonly lifetimeOf: (fn: FunctionVersion) => EnvironmentLifetime;
  /** Of everything that lives: being made, serving, idle, being destroyed. What the host has room for is the host agent's to say. */
  readonly maxEnvironments: number;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** `wedged`: its destruction failed. */
type EntryPhase = 'creating' | 'idle' | 'busy' | 'finishing' | 'ending' | 'wedged';

interface Entry<E> {
  readonly owner: EnvironmentOwner;
  readonly environment: E;
  readonly lifetime: EnvironmentLifetime;
  readonly madeAtMs: number;
  phase: EntryPhase;
  isRetired: boolean;
  idleSinceMs: number;
  ended: Promise<void> | undefined;
}

/** An invocation that has no environment yet; retired with its version, so is what it makes. */
interface Acquisition {
  readonly owner: EnvironmentOwner;
  isRetired: boolean;
}

interface Waiter<E> {
  readonly resolve: (environment: E | undefined) => void;
  readonly patience: ScheduledTask;
}

/** The environments of one owner. */
interface Family<E> {
  /** Most recently used last. */
  readonly idle: Entry<E>[];
  readonly waiters: Waiter<E>[];
  finishing: number;
}

/**
 * An environment that has answered is as good as idle: waiting for it beats making another one. At its share of a processor the end of an invocation takes
 * longer the less memory it has: a shell that starts curl for its next event needs some 20 ms of processor time, 280 ms on the clock with 128 MiB.
 */
const reclaimedShare = 1 / 8;
const leastPatienceMs = 200;
const patienceOfProcessorTimeMs = 100;

/** One environment per concurrent invocation, used again only for its owner: the same account, function, version, revision and tenant. */
export class EnvironmentPool<E extends PooledEnvironment> {
  readonly #options: EnvironmentPoolOptions<E>;
  readonly #entries = new Map<E, Entry<E>>();
  readonly #families = new Map<string, Family<E>>();
  readonly #acquiring = new Set<Acquisition>();
  readonly #sweep: EarliestTimer;
  #isStopping = false;
  #onQuiet: (() => void) | undefined;

  constructor(options: EnvironmentPoolOptions<E>) {
    this.#options = options;
    this.#sweep = new EarliestTimer(options.clock, () => this.#endOverdue());
  }

  /** Every environment that lives, with its function. */
  list(): readonly E[] {
    return [...this.#entries.keys()];
  }

  /** An environment for one invocation; give it back with `release`. Rejects with `NoCapacity`, `ShuttingDown`, or what making one failed with. */
  async acquire(owner: EnvironmentOwner): Promise<E> {
    if (this.#isStopping) throw shuttingDown();
    const idle = this.#takeIdle(owner.key);
    if (idle !== undefined) return idle;
    const acquisition: Acquisition = { owner, isRetired: false };
    this.#acquiring.add(acquisition);
    try {
      return await this.#acquire(acquisition);
    } finally {
      this.#acquiring.delete(acquisition);
    }
  }

  /** The client has its answer, the runtime will be free in a moment. */
  finishing(environment: E): void {
    const entry = this.#entries.get(environment);
    if (entry?.phase !== 'busy' || entry.isRetired) return;
    entry.phase = 'finishing';
    this.#family(entry.owner.key).finishing += 1;
  }

  release(environment: E): void {
    const entry = this.#entries.get(environment);
    if (entry === undefined || entry.phase === 'ending' || entry.phase === 'wedged') return;
    const servesAgain = !entry.isRetired && !this.#isStopping && environment.isUsable && !this.#isTooOld(entry);
    this.#leaveFinishing(entry, servesAgain);
    if (!servesAgain) {
      void this.#end(entry);
      return;
    }
    const family = this.#family(entry.owner.key);
    const waiter = family.waiters.shift();
    if (waiter !== undefined) {
      waiter.patience.cancel();
      entry.phase = 'busy';
      waiter.resolve(environment);
      return;
    }
    entry.phase = 'idle';
    entry.idleSinceMs = this.#options.clock.monotonicMs();
    family.idle.push(entry);
    this.#sweep.wakeAt(this.#overdueAtMs(entry));
  }

  /** No environment that matches serves again: idle ones end now, others after their invocation, and what is still to be made after its first one. */
  retire(matches: (fn: FunctionVersion) => boolean): void {
    for (const acquisition of this.#acquiring) if (matches(acquisition.owner.function)) acquisition.isRetired = true;
    for (const entry of this.#entries.values()) {
      if (!matches(entry.owner.function)) continue;
      entry.isRetired = true;
      if (entry.phase === 'idle') void this.#end(entry);
      else this.#leaveFinishing(entry, false);
    }
  }

  /** The host is short of something: ends an eighth of the idle environments, at least one, those used longest ago first. */
  reclaim(): void {
    const idle = [...this.#entries.values()].filter(({ phase }) => phase === 'idle').toSorted((a, b) => a.idleSinceMs - b.idleSinceMs);
    for (const entry of idle.slice(0, Math.ceil(idle.length * reclaimedShare))) void this.#end(entry);
  }

  /** Ends an environment now, whatever it does. */
  async destroy(environment: E): Promise<void> {
    const entry = this.#entries.get(environment);
    if (entry !== undefined) await this.#end(entry);
  }

  /** Takes no more invocations, lets running ones go on for up to `graceMs`, then ends everything. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#sweep.cancel();
    for (const family of this.#families.values()) for (const waiter of family.waiters.splice(0)) this.#dismiss(waiter);
    for (const entry of this.#entries.values()) if (entry.phase === 'idle') void this.#end(entry);
    await this.#quiet(graceMs);
    await Promise.all([...this.#entries.values()].map((entry) => this.#end(entry)));
  }

  async #acquire(acquisition: Acquisition): Promise<E> {
    const { key, function: fn } = acquisition.owner;
    for (;;) {
      const free = this.#takeIdle(key) ?? (await this.#takeFinishing(key, finishingPatienceMs(fn)));
      if (free !== undefined) return free;
      if (this.#isStopping) throw shuttingDown();
      if (this.#entries.size < this.#options.maxEnvironments) {
        const made = await this.#tryCreate(acquisition);
        if (made !== undefined) return made;
      }
      await this.#makeRoom();
      if (this.#isStopping) throw shuttingDown();
    }
  }

  /** The one that was used last, so that the others come to their idle time-out. */
  #takeIdle(key: string): E | undefined {
    const family = this.#families.get(key);
    for (;;) {
      const entry = family?.idle.at(-1);
      if (entry === undefined) return undefined;
      if (this.#isTooOld(entry)) {
        void this.#end(entry);
        continue;
      }
      family?.idle.pop();
      entry.phase = 'busy';
      return entry.environment;
    }
  }

  /** Undefined when nothing is about to be free, or was not in time. */
  #takeFinishing(key: string, patienceMs: number): Promise<E | undefined> | undefined {
    const family = this.#families.get(key);
    if (family === undefined || family.finishing <= family.waiters.length) return undefined;
    return new Promise((resolve) => {
      const patience = this.#options.clock.schedule(patienceMs, () => {
        family.waiters.splice(family.waiters.indexOf(waiter), 1);
        this.#forgetEmpty(key, family);
        resolve(undefined);
      });
      const waiter: Waiter<E> = { resolve, patience };
      family.waiters.push(waiter);
    });
  }

  /** Undefined when the host has no room for it: what there is to give is the host agent's word alone. */
  async #tryCreate(acquisition: Acquisition): Promise<E | undefined> {
    try {
      return await this.#create(acquisition);
    } catch (error) {
      if (error instanceof CloisterError && error.code === 'NoCapacity') return undefined;
      throw error;
    }
  }

  /** Ends the idle environment that was used longest ago, or waits for one that is ending already. */
  async #makeRoom(): Promise<void> {
    let oldest: Entry<E> | undefined;
    const ending: Promise<void>[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.phase === 'idle' && (oldest === undefined || entry.idleSinceMs < oldest.idleSinceMs)) oldest = entry;
      if (entry.phase === 'ending' && entry.ended !== undefined) ending.push(entry.ended);
    }
    if (oldest !== undefined) await this.#end(oldest);
    else if (ending.length > 0) await Promise.race(ending);
    else throw new CloisterError('NoCapacity', 'no room for another execution environment', { operation: 'acquire environment' });
  }

  async #create({ owner, isRetired }: Acquisition): Promise<E> {
    const { clock, create, lifetimeOf } = this.#options;
    const environment = create(owner);
    const madeAtMs = clock.monotonicMs();
    const lifetime = lifetimeOf(owner.function);
    const entry: Entry<E> = { owner, environment, lifetime, madeAtMs, phase: 'creating', isRetired, idleSinceMs: 0, ended: undefined };
    this.#entries.set(environment, entry);
    environment.onLost(() => {
      // A busy one is ended by its release, after its invocation has been told.
      if (entry.phase === 'idle') void this.#end(entry);
    });
    try {
      await environment.start();
    } catch (error) {
      await this.#end(entry);
      throw error;
    }
    if (entry.phase === 'creating') entry.phase = 'busy';
    return environment;
  }

  #end(entry: Entry<E>): Promise<void> {
    entry.ended ??= this.#destroy(entry);
    return entry.ended;
  }

  async #destroy(entry: Entry<E>): Promise<void> {
    this.#leaveIdle(entry);
    this.#leaveFinishing(entry, false);
    entry.phase = 'ending';
    try {
      await entry.environment.destroy();
    } catch (error) {
      // It may still live: it keeps counting, so that the bounds hold, and waits for the reaper of the next start.
      entry.phase = 'wedged';
      this.#options.onProblem('an environment could not be destroyed', error);
      this.#noteQuiet();
      return;
    }
    this.#entries.delete(entry.environment);
    this.#noteQuiet();
  }

  #leaveIdle(entry: Entry<E>): void {
    if (entry.phase !== 'idle') return;
    const family = this.#family(entry.owner.key);
    family.idle.splice(family.idle.indexOf(entry), 1);
    this.#forgetEmpty(entry.owner.key, family);
  }

  /** One who waits for an environment that will not come free goes on without. */
  #leaveFinishing(entry: Entry<E>, servesAgain: boolean): void {
    if (entry.phase !== 'finishing') return;
    entry.phase = 'busy';
    const family = this.#family(entry.owner.key);
    family.finishing -= 1;
    if (servesAgain) return;
    const waiter = family.waiters.length > family.finishing ? family.waiters.pop() : undefined;
    if (waiter !== undefined) this.#dismiss(waiter);
    this.#forgetEmpty(entry.owner.key, family);
  }

  #dismiss(waiter: Waiter<E>): void {
    waiter.patience.cancel();
    waiter.resolve(undefined);
  }

  #family(key: string): Family<E> {
    let family = this.#families.get(key);
    if (family === undefined) {
      family = { idle: [], waiters: [], finishing: 0 };
      this.#families.set(key, family);
    }
    return family;
  }

  #forgetEmpty(key: string, family: Family<E>): void {
    if (family.idle.length === 0 && family.waiters.length === 0 && family.finishing === 0) this.#families.delete(key);
  }

  /** When an idle environment ends by itself. */
  #overdueAtMs({ idleSinceMs, madeAtMs, lifetime }: Entry<E>): number {
    return Math.min(idleSinceMs + lifetime.idleTimeoutMs, madeAtMs + lifetime.maxAgeMs);
  }

  #isTooOld({ madeAtMs, lifetime }: Entry<E>): boolean {
    return this.#options.clock.monotonicMs() - madeAtMs >= lifetime.maxAgeMs;
  }

  #endOverdue(): void {
    const nowMs = this.#options.clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (entry.phase !== 'idle') continue;
      const atMs = this.#overdueAtMs(entry);
      if (atMs <= nowMs) void this.#end(entry);
      else nextMs = Math.min(nextMs, atMs);
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#sweep.wakeAt(nextMs);
  }

  /** Resolves when no environment serves or is made any more, at the latest after `graceMs`. */
  async #quiet(graceMs: number): Promise<void> {
    if (this.#isQuiet()) return;
    await new Promise<void>((resolve) => {
      const limit = this.#options.clock.schedule(graceMs, resolve);
      this.#onQuiet = () => {
        limit.cancel();
        resolve();
      };
    });
    this.#onQuiet = undefined;
  }

  #noteQuiet(): void {
    if (this.#isStopping && this.#isQuiet()) this.#onQuiet?.();
  }

  #isQuiet(): boolean {
    for (const entry of this.#entries.values()) if (entry.phase !== 'ending' && entry.phase !== 'wedged') return false;
    return true;
  }
}

function shuttingDown(): CloisterError {
  return new CloisterError('ShuttingDown', 'no more invocations are taken', { operation: 'acquire environment' });
}

function finishingPatienceMs({ memorySizeMiB }: FunctionVersion): number {
  return Math.max(leastPatienceMs, Math.round((patienceOfProcessorTimeMs * memoryPerVcpuMiB) / memorySizeMiB));
}
