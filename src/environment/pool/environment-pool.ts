import { CloisterError } from '../../errors.ts';
import type { FunctionVersion } from '../../functions/function-version.ts';
import type { EnvironmentOwner } from '../environment-owner.ts';
import { EnvironmentRoster, type EnvironmentRosterOptions, type PooledEnvironment } from './environment-roster.ts';
import { isTooOld, type PoolEntry } from './pool-entry.ts';
import { type Acquisition, RoomQueue, type WaitingLimits } from './room-queue.ts';
import { ScalingRate, type ScalingRateLimit } from './scaling-rate.ts';

export interface EnvironmentPoolOptions<E extends PooledEnvironment> extends EnvironmentRosterOptions<E> {
  /** Of everything that lives: being made, serving, idle, being destroyed. What the host has room for is the host agent's to say. */
  readonly maxEnvironments: number;
  readonly waiting: WaitingLimits;
  /** How fast a function may get further environments. */
  readonly scalingRate: ScalingRateLimit;
}

/** One environment per concurrent invocation, used again only for its owner: the same account, function, version, revision and tenant. */
export class EnvironmentPool<E extends PooledEnvironment> {
  readonly #options: EnvironmentPoolOptions<E>;
  readonly #roster: EnvironmentRoster<E>;
  readonly #acquiring = new Set<Acquisition>();
  readonly #room: RoomQueue<E>;
  readonly #scalingRate: ScalingRate;
  #isStopping = false;

  constructor(options: EnvironmentPoolOptions<E>) {
    const { clock, waiting, scalingRate } = options;
    this.#options = options;
    this.#room = new RoomQueue(clock, waiting);
    this.#roster = new EnvironmentRoster(options, this.#room);
    this.#scalingRate = new ScalingRate(clock, scalingRate);
  }

  /** Every environment that lives, with its function. */
  list(): readonly E[] {
    return Array.from(this.#roster.entries, ({ environment }) => environment);
  }

  /**
   * An environment for one invocation; give it back with `release`. Rejects with `NoCapacity`, `ScalingRateReached`, `ShuttingDown`, or what making one
   * failed with.
   */
  async acquire(owner: EnvironmentOwner): Promise<E> {
    if (this.#isStopping) throw shuttingDown();
    const idle = this.#roster.takeIdle(owner);
    if (idle !== undefined) return idle;
    const acquisition: Acquisition = { owner, isRetired: false };
    this.#acquiring.add(acquisition);
    try {
      return await this.#acquire(acquisition).catch((error: unknown) => {
        if (!mayHaveBeenKilled(error)) throw error;
        // ORDER: the same acquisition, which knows if its version was replaced meanwhile.
        return this.#acquire(acquisition);
      });
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
      if (this.#room.isContended || !(await this.#roster.makeRoom())) throw noCapacity();
    }
  }

  /** Of what was made ahead for an owner: how many are ready, serving or not. */
  provided(owner: EnvironmentOwner): number {
    let ready = 0;
    for (const entry of this.#roster.entries) if (isProvidedFor(entry, owner)) ready += 1;
    return ready;
  }

  /** Ends so many of those that were made ahead, idle ones first; one that serves ends after its invocation. */
  withdraw(owner: EnvironmentOwner, count: number): void {
    const provided = [...this.#roster.entries].filter((entry) => isProvidedFor(entry, owner));
    for (const entry of provided.toSorted((a, b) => Number(b.phase === 'idle') - Number(a.phase === 'idle')).slice(0, count))
      this.#roster.retire(entry);
  }

  /** The client has its answer, the runtime will be free in a moment. */
  finishing(environment: E): void {
    const entry = this.#roster.find(environment);
    if (entry?.phase === 'busy' && !entry.isRetired) this.#roster.families.addFinishing(entry);
  }

  release(environment: E): void {
    const entry = this.#roster.find(environment);
    if (entry === undefined || entry.phase === 'ending' || entry.phase === 'wedged') return;
    const { clock } = this.#options;
    const servesAgain = !entry.isRetired && !this.#isStopping && environment.isUsable && !isTooOld(entry, clock.monotonicMs());
    this.#roster.uncount(entry);
    let next = servesAgain ? this.#room.next : undefined;
    const isOthersTurn = next !== undefined && !next.acquisition.owner.is(entry.owner);
    // The host is full, and it is another's turn: this one ends, so that there is room, unless it is kept ready.
    if (!servesAgain || (isOthersTurn && !entry.isProvisioned)) {
      void this.#roster.end(entry);
      return;
    }
    if (isOthersTurn) next = undefined;
    this.#roster.families.leaveFinishing(entry, next === undefined);
    this.#roster.count(entry);
    if (next !== undefined) this.#room.hand(next, environment);
    else if (!this.#roster.families.handOver(entry)) this.#roster.rest(entry);
  }

  /** No environment that matches serves again: idle ones end now, others after their invocation, and what is still to be made after its first one. */
  retire(matches: (fn: FunctionVersion) => boolean): void {
    for (const acquisition of this.#acquiring) if (matches(acquisition.owner.function)) acquisition.isRetired = true;
    for (const entry of this.#roster.entries) {
      if (matches(entry.owner.function)) this.#roster.retire(entry);
    }
  }

  /** The host is short of something: ends an eighth of the idle environments, at least one, those used longest ago first. */
  reclaim(): void {
    this.#roster.reclaim();
  }

  /** Ends an environment now, whatever it does. */
  async destroy(environment: E): Promise<void> {
    const entry = this.#roster.find(environment);
    if (entry !== undefined) await this.#roster.end(entry);
  }

  /** Takes no more invocations, lets running ones go on for up to `graceMs`, then ends everything. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#room.close(shuttingDown());
    await this.#roster.close(graceMs);
  }

  async #acquire(acquisition: Acquisition): Promise<E> {
    const { owner } = acquisition;
    for (let isOffered = false; ; ) {
      if (this.#isStopping) throw shuttingDown();
      const free = this.#roster.takeIdle(owner) ?? (this.#room.isContended ? undefined : await this.#roster.families.waitForFinishing(owner));
      if (free !== undefined) {
        if (isOffered) this.#room.taken();
        return free;
      }
      if (this.#isStopping) throw shuttingDown();
      // Who comes to a full host stands behind those who wait already.
      if (isOffered || !this.#room.isContended) {
        const made = await this.#tryCreate(acquisition, isOffered);
        if (made !== undefined) return made;
        if (await this.#roster.makeRoom()) continue;
      }
      const waiting = this.#room.wait(acquisition, isOffered);
      if (isOffered) this.#room.refused();
      const handed = await waiting;
      if (handed !== undefined) return handed;
      isOffered = true;
    }
  }

  /** One that was made ahead waits for invocations, if its init went well. */
  #settle(environment: E): void {
    const entry = this.#roster.find(environment);
    if (entry === undefined || entry.phase !== 'busy') return;
    if (environment.isInitialised && environment.isUsable && !entry.isRetired && !this.#isStopping) {
      this.release(environment);
      return;
    }
    void this.#roster.end(entry);
    if (!environment.isInitialised) throw new CloisterError('InitFailed', 'the init of the function failed', { operation: 'provide environment' });
  }

  /** Undefined when the host has no room for it: what there is to give is the host agent's word alone. */
  async #tryCreate(acquisition: Acquisition, isOffered: boolean): Promise<E | undefined> {
    if (this.#roster.size >= this.#options.maxEnvironments) return undefined;
    let isTaken = false;
    try {
      if (acquisition.isProvisioned !== true) this.#scalingRate.take(acquisition.owner.function);
      return await this.#roster.create(acquisition, () => {
        isTaken = true;
        if (isOffered) this.#room.taken();
      });
    } catch (error) {
      if (isNoCapacity(error)) return undefined;
      if (isOffered && !isTaken) this.#room.refused();
      throw error;
    }
  }
}

/**
 * An environment whose first process is killed while it is made fails at whatever the host agent was doing with it just then. No event has been handed
 * out by then, so another one is tried, once.
 */
function mayHaveBeenKilled(error: unknown): boolean {
  return error instanceof CloisterError && ['EnvironmentGone', 'Internal', 'WallUnavailable'].includes(error.code);
}

function isNoCapacity(error: unknown): boolean {
  return error instanceof CloisterError && error.code === 'NoCapacity';
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
