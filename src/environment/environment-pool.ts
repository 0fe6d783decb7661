import { CloisterError } from '../errors.ts';
import type { EnvironmentLifetime } from '../functions/environment-lifetime.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import type { Clock } from './clock.ts';
import { EarliestTimer } from './earliest-timer.ts';
import type { EnvironmentOwner } from './environment-owner.ts';
import { OwnerFamilies } from './owner-families.ts';
import { isTooOld, overdueAtMs, type PoolEntry } from './pool-entry.ts';
import { type Acquisition, RoomQueue, type WaitingLimits } from './room-queue.ts';
import { ScalingRate, type ScalingRateLimit } from './scaling-rate.ts';

/** What the pool must know of an environment. */
export interface PooledEnvironment {
  readonly id: string | undefined;
  readonly isUsable: boolean;
  /** Its init is over, and well. */
  readonly isInitialised: boolean;
  /** `made` is called once the host has given room to it. Rejects when the environment cannot be made; the pool then destroys what there is of it. */
  start(made: () => void): Promise<void>;
  destroy(): Promise<void>;
  onLost(listener: () => void): void;
}

export interface EnvironmentPoolOptions<E extends PooledEnvironment> {
  readonly create: (owner: EnvironmentOwner, isProvisioned: boolean) => E;
  readonly clock: Clock;
  /** How long environments of a function are kept. */
  readonly lifetimeOf: (fn: FunctionVersion) => EnvironmentLifetime;
  /** Of everything that lives: being made, serving, idle, being destroyed. What the host has room for is the host agent's to say. */
  readonly maxEnvironments: number;
  readonly waiting: WaitingLimits;
  /** How fast a function may get further environments. */
  readonly scalingRate: ScalingRateLimit;
  /** An environment that was made ahead has ended, whatever the reason. */
  readonly onProvisionedEnd?: (owner: EnvironmentOwner) => void;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

const reclaimedShare = 1 / 8;

/** One environment per concurrent invocation, used again only for its owner: the same account, function, version, revision and tenant. */
export class EnvironmentPool<E extends PooledEnvironment> {
  readonly #options: EnvironmentPoolOptions<E>;
  readonly #entries = new Map<E, PoolEntry<E>>();
  readonly #families: OwnerFamilies<E>;
  readonly #acquiring = new Set<Acquisition>();
  readonly #room: RoomQueue<E>;
  readonly #scalingRate: ScalingRate;
  readonly #sweep: EarliestTimer;
  #isStopping = false;
  #onQuiet: (() => void) | undefined;

  constructor(options: EnvironmentPoolOptions<E>) {
    const { clock, waiting, scalingRate } = options;
    this.#options = options;
    this.#families = new OwnerFamilies(clock);
    this.#room = new RoomQueue(clock, waiting);
    this.#scalingRate = new ScalingRate(clock, scalingRate);
    this.#sweep = new EarliestTimer(clock, () => this.#endOverdue());
  }

  /** Every environment that lives, with its function. */
  list(): readonly E[] {
    return [...this.#entries.keys()];
  }

  /** An environment for one invocation; give it back with `release`. Rejects with `NoCapacity`, `ShuttingDown`, or what making one failed with. */
  async acquire(owner: EnvironmentOwner): Promise<E> {
    if (this.#isStopping) throw shuttingDown();
    const idle = this.#takeIdle(owner);
    if (idle !== undefined) return idle;
    const acquisition: Acquisition = { owner, isRetired: false };
    this.#acquiring.add(acquisition);
    try {
      return await this.#acquire(acquisition);
    } finally {
      this.#acquiring.delete(acquisition);
    }
  }

  /**
   * Makes an environment ahead of invocations and inits it; it stays until its age, and takes no room from what serves. Rejects as `acquire` does, and with
   * `InitFailed`.
   */
  async provide(owner: EnvironmentOwner): Promise<void> {
    const acquisition: Acquisition = { owner, isRetired: false, isProvisioned: true };
    for (;;) {
      if (this.#isStopping) throw shuttingDown();
      const made = this.#room.isContended ? undefined : await this.#tryCreate(acquisition, false);
      if (made !== undefined) {
        this.#settle(made);
        return;
      }
      if (this.#room.isContended || !(await this.#makeRoom())) throw noCapacity();
    }
  }

  /** Of what was made ahead for an owner: how many are ready, serving or not. */
  provided(owner: EnvironmentOwner): number {
    let ready = 0;
    for (const entry of this.#entries.values()) if (isProvidedFor(entry, owner)) ready += 1;
    return ready;
  }

  /** Ends so many of those that were made ahead, idle ones first; one that serves ends after its invocation. */
  withdraw(owner: EnvironmentOwner, count: number): void {
    const provided = [...this.#entries.values()].filter((entry) => isProvidedFor(entry, owner));
    for (const entry of provided.toSorted((a, b) => Number(b.phase === 'idle') - Number(a.phase === 'idle')).slice(0, count)) this.#retire(entry);
  }

  /** The client has its answer, the runtime will be free in a moment. */
  finishing(environment: E): void {
    const entry = this.#entries.get(environment);
    if (entry?.phase === 'busy' && !entry.isRetired) this.#families.addFinishing(entry);
  }

  release(environment: E): void {
    const entry = this.#entries.get(environment);
    if (entry === undefined || entry.phase === 'ending' || entry.phase === 'wedged') return;
    const { clock } = this.#options;
    const servesAgain = !entry.isRetired && !this.#isStopping && environment.isUsable && !isTooOld(entry, clock.monotonicMs());
    this.#uncount(entry);
    let next = servesAgain ? this.#room.next : undefined;
    const isOthersTurn = next !== undefined && !next.acquisition.owner.is(entry.owner);
    // The host is full, and it is another's turn: this one ends, so that there is room, unless it is kept ready.
    if (!servesAgain || (isOthersTurn && !entry.isProvisioned)) {
      void this.#end(entry);
      return;
    }
    if (isOthersTurn) next = undefined;
    this.#families.leaveFinishing(entry, next === undefined);
    this.#count(entry);
    if (next !== undefined) this.#room.hand(next, environment);
    else if (!this.#families.handOver(entry)) this.#rest(entry);
  }

  /** No environment that matches serves again: idle ones end now, others after their invocation, and what is still to be made after its first one. */
  retire(matches: (fn: FunctionVersion) => boolean): void {
    for (const acquisition of this.#acquiring) if (matches(acquisition.owner.function)) acquisition.isRetired = true;
    for (const entry of this.#entries.values()) {
      if (matches(entry.owner.function)) this.#retire(entry);
    }
  }

  /** The host is short of something: ends an eighth of the idle environments, at least one, those used longest ago first. */
  reclaim(): void {
    const idle = [...this.#entries.values()].filter(isReclaimable).toSorted((a, b) => a.idleSinceMs - b.idleSinceMs);
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
    this.#families.dismissAll();
    this.#room.close(shuttingDown());
    for (const entry of this.#entries.values()) if (entry.phase === 'idle') void this.#end(entry);
    await this.#quiet(graceMs);
    await Promise.all([...this.#entries.values()].map((entry) => this.#end(entry)));
  }

  async #acquire(acquisition: Acquisition): Promise<E> {
    const { owner } = acquisition;
    for (let isOffered = false; ; ) {
      if (this.#isStopping) throw shuttingDown();
      const free = this.#takeIdle(owner) ?? (this.#room.isContended ? undefined : await this.#families.waitForFinishing(owner));
      if (free !== undefined) {
        if (isOffered) this.#room.taken();
        return free;
      }
      if (this.#isStopping) throw shuttingDown();
      // Who comes to a full host stands behind those who wait already.
      if (isOffered || !this.#room.isContended) {
        const made = await this.#tryCreate(acquisition, isOffered);
        if (made !== undefined) return made;
        if (await this.#makeRoom()) continue;
      }
      const waiting = this.#room.wait(acquisition, isOffered);
      if (isOffered) this.#room.refused();
      const handed = await waiting;
      if (handed !== undefined) return handed;
      isOffered = true;
    }
  }

  #takeIdle(owner: EnvironmentOwner): E | undefined {
    for (;;) {
      const entry = this.#families.takeIdle(owner);
      if (entry === undefined) return undefined;
      if (isTooOld(entry, this.#options.clock.monotonicMs())) {
        void this.#end(entry);
        continue;
      }
      this.#count(entry);
      return entry.environment;
    }
  }

  /** It serves no more: one that serves ends after its invocation. */
  #retire(entry: PoolEntry<E>): void {
    entry.isRetired = true;
    if (entry.phase === 'idle') void this.#end(entry);
    else this.#families.leaveFinishing(entry, false);
  }

  /** One that was made ahead waits for invocations, if its init went well. */
  #settle(environment: E): void {
    const entry = this.#entries.get(environment);
    if (entry === undefined || entry.phase !== 'busy') return;
    if (environment.isInitialised && environment.isUsable && !entry.isRetired && !this.#isStopping) {
      this.release(environment);
      return;
    }
    void this.#end(entry);
    if (!environment.isInitialised) throw new CloisterError('InitFailed', 'the init of the function failed', { operation: 'provide environment' });
  }

  #rest(entry: PoolEntry<E>): void {
    this.#uncount(entry);
    this.#families.addIdle(entry);
    this.#sweep.wakeAt(overdueAtMs(entry));
  }

  /** Undefined when the host has no room for it: what there is to give is the host agent's word alone. */
  async #tryCreate(acquisition: Acquisition, isOffered: boolean): Promise<E | undefined> {
    if (this.#entries.size >= this.#options.maxEnvironments) return undefined;
    let isTaken = false;
    try {
      if (acquisition.isProvisioned !== true) this.#scalingRate.take(acquisition.owner.function);
      return await this.#create(acquisition, () => {
        isTaken = true;
        if (isOffered) this.#room.taken();
      });
    } catch (error) {
      if (isNoCapacity(error)) return undefined;
      if (isOffered && !isTaken) this.#room.refused();
      throw error;
    }
  }

  /** Ends the idle environment that was used longest ago, or waits for one that is ending already. False when there is none. */
  async #makeRoom(): Promise<boolean> {
    let oldest: PoolEntry<E> | undefined;
    const ending: Promise<void>[] = [];
    for (const entry of this.#entries.values()) {
      if (isReclaimable(entry) && (oldest === undefined || entry.idleSinceMs < oldest.idleSinceMs)) oldest = entry;
      if (entry.phase === 'ending' && entry.ended !== undefined) ending.push(entry.ended);
    }
    if (oldest !== undefined) await this.#end(oldest);
    else if (ending.length > 0) await Promise.race(ending);
    else return false;
    return true;
  }

  async #create({ owner, isRetired, isProvisioned = false }: Acquisition, made: () => void): Promise<E> {
    const { clock, create, lifetimeOf } = this.#options;
    const environment = create(owner, isProvisioned);
    const entry: PoolEntry<E> = {
      owner,
      environment,
      lifetime: lifetimeOf(owner.function),
      madeAtMs: clock.monotonicMs(),
      isProvisioned,
      phase: 'creating',
      isRetired,
      hasRoom: false,
      isCounted: false,
      idleSinceMs: 0,
      ended: undefined,
    };
    this.#entries.set(environment, entry);
    this.#count(entry);
    environment.onLost(() => {
      // A busy one is ended by its release, after its invocation has been told.
      if (entry.phase === 'idle') void this.#end(entry);
    });
    try {
      await environment.start(() => {
        entry.hasRoom = true;
        made();
      });
    } catch (error) {
      await this.#end(entry);
      throw error;
    }
    if (entry.phase === 'creating') entry.phase = 'busy';
    return environment;
  }

  #end(entry: PoolEntry<E>): Promise<void> {
    entry.ended ??= this.#destroy(entry);
    return entry.ended;
  }

  async #destroy(entry: PoolEntry<E>): Promise<void> {
    this.#families.remove(entry);
    this.#uncount(entry);
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
    if (entry.hasRoom) this.#room.grew();
    if (entry.isProvisioned) this.#options.onProvisionedEnd?.(entry.owner);
  }

  #count(entry: PoolEntry<E>): void {
    if (entry.isCounted) return;
    entry.isCounted = true;
    this.#room.began(entry.owner);
  }

  #uncount(entry: PoolEntry<E>): void {
    if (!entry.isCounted) return;
    entry.isCounted = false;
    this.#room.ended(entry.owner);
  }

  #endOverdue(): void {
    const nowMs = this.#options.clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (entry.phase !== 'idle') continue;
      const atMs = overdueAtMs(entry);
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

function isNoCapacity(error: unknown): boolean {
  return error instanceof CloisterError && error.code === 'NoCapacity';
}

/** Idle, and nobody asked that it be kept. */
function isReclaimable({ phase, isProvisioned }: PoolEntry<unknown>): boolean {
  return phase === 'idle' && !isProvisioned;
}

function isProvidedFor({ owner, phase, isProvisioned, isRetired }: PoolEntry<unknown>, wanted: EnvironmentOwner): boolean {
  return isProvisioned && !isRetired && (phase === 'idle' || phase === 'busy' || phase === 'finishing') && owner.is(wanted);
}

function noCapacity(): CloisterError {
  return new CloisterError('NoCapacity', 'no room for another execution environment', { operation: 'provide environment' });
}

function shuttingDown(): CloisterError {
  return new CloisterError('ShuttingDown', 'no more invocations are taken', { operation: 'acquire environment' });
}
