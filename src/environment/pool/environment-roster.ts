import type { EnvironmentLifetime } from '../../functions/environment-lifetime.ts';
import type { FunctionVersion } from '../../functions/function-version.ts';
import type { Clock } from '../clock.ts';
import { EarliestTimer } from '../earliest-timer.ts';
import type { EnvironmentOwner } from '../environment-owner.ts';
import { OwnerFamilies } from './owner-families.ts';
import { isTooOld, overdueAtMs, type PoolEntry } from './pool-entry.ts';
import type { Acquisition, RoomQueue } from './room-queue.ts';

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

export interface EnvironmentRosterOptions<E extends PooledEnvironment> {
  readonly create: (owner: EnvironmentOwner, isProvisioned: boolean) => E;
  readonly clock: Clock;
  /** How long environments of a function are kept. */
  readonly lifetimeOf: (fn: FunctionVersion) => EnvironmentLifetime;
  /** An environment that was made ahead has ended, whatever the reason. */
  readonly onProvisionedEnd?: (owner: EnvironmentOwner) => void;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

const reclaimedShare = 1 / 8;

/** The environments that there are, from their making to their end, with what ends by itself: whatever is idle for too long, or too old. */
export class EnvironmentRoster<E extends PooledEnvironment> {
  readonly families: OwnerFamilies<E>;
  readonly #options: EnvironmentRosterOptions<E>;
  readonly #room: RoomQueue<E>;
  readonly #entries = new Map<E, PoolEntry<E>>();
  readonly #sweep: EarliestTimer;
  #onQuiet: (() => void) | undefined;

  constructor(options: EnvironmentRosterOptions<E>, room: RoomQueue<E>) {
    this.families = new OwnerFamilies(options.clock);
    this.#options = options;
    this.#room = room;
    this.#sweep = new EarliestTimer(options.clock, () => this.#endOverdue());
  }

  /** Of everything that lives: being made, serving, idle, being destroyed. */
  get size(): number {
    return this.#entries.size;
  }

  get entries(): Iterable<PoolEntry<E>> {
    return this.#entries.values();
  }

  find(environment: E): PoolEntry<E> | undefined {
    return this.#entries.get(environment);
  }

  /** Makes one; `made` is called once the host has given room to it. What could not be made has ended when this rejects. */
  async create({ owner, isRetired, isProvisioned = false }: Acquisition, made: () => void): Promise<E> {
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
    this.count(entry);
    environment.onLost(() => {
      // A busy one is ended by its release, after its invocation has been told.
      if (entry.phase === 'idle') void this.end(entry);
    });
    try {
      await environment.start(() => {
        entry.hasRoom = true;
        made();
      });
    } catch (error) {
      await this.end(entry);
      throw error;
    }
    if (entry.phase === 'creating') entry.phase = 'busy';
    return environment;
  }

  /** An idle one that is not too old, which now serves. */
  takeIdle(owner: EnvironmentOwner): E | undefined {
    for (;;) {
      const entry = this.families.takeIdle(owner);
      if (entry === undefined) return undefined;
      if (isTooOld(entry, this.#options.clock.monotonicMs())) {
        void this.end(entry);
        continue;
      }
      this.count(entry);
      return entry.environment;
    }
  }

  /** It has nothing to do, and may come to its end. */
  rest(entry: PoolEntry<E>): void {
    this.uncount(entry);
    this.families.addIdle(entry);
    this.#sweep.wakeAt(overdueAtMs(entry));
  }

  /** It serves no more: one that serves ends after its invocation. */
  retire(entry: PoolEntry<E>): void {
    entry.isRetired = true;
    if (entry.phase === 'idle') void this.end(entry);
    else this.families.leaveFinishing(entry, false);
  }

  /** Ends an eighth of the idle ones, at least one, those used longest ago first. */
  reclaim(): void {
    const idle = [...this.#entries.values()].filter(isReclaimable).toSorted((a, b) => a.idleSinceMs - b.idleSinceMs);
    for (const entry of idle.slice(0, Math.ceil(idle.length * reclaimedShare))) void this.end(entry);
  }

  /** Ends the idle environment that was used longest ago, or waits for one that is ending already. False when there is none. */
  async makeRoom(): Promise<boolean> {
    let oldest: PoolEntry<E> | undefined;
    const ending: Promise<void>[] = [];
    for (const entry of this.#entries.values()) {
      if (isReclaimable(entry) && (oldest === undefined || entry.idleSinceMs < oldest.idleSinceMs)) oldest = entry;
      if (entry.phase === 'ending' && entry.ended !== undefined) ending.push(entry.ended);
    }
    if (oldest !== undefined) await this.end(oldest);
    else if (ending.length > 0) await Promise.race(ending);
    else return false;
    return true;
  }

  /** Ends it now, whatever it does. */
  end(entry: PoolEntry<E>): Promise<void> {
    entry.ended ??= this.#destroy(entry);
    return entry.ended;
  }

  async #destroy(entry: PoolEntry<E>): Promise<void> {
    this.families.remove(entry);
    this.uncount(entry);
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

  /** It is being made, or serves: it counts where turns are taken. */
  count(entry: PoolEntry<E>): void {
    if (entry.isCounted) return;
    entry.isCounted = true;
    this.#room.began(entry.owner);
  }

  uncount(entry: PoolEntry<E>): void {
    if (!entry.isCounted) return;
    entry.isCounted = false;
    this.#room.ended(entry.owner);
  }

  /** Ends what is idle, lets the others go on for up to `graceMs`, then ends them, too. */
  async close(graceMs: number): Promise<void> {
    this.#sweep.cancel();
    this.families.dismissAll();
    for (const entry of this.#entries.values()) if (entry.phase === 'idle') void this.end(entry);
    await this.#quiet(graceMs);
    await Promise.all([...this.#entries.values()].map((entry) => this.end(entry)));
  }

  #endOverdue(): void {
    const nowMs = this.#options.clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (entry.phase !== 'idle') continue;
      const atMs = overdueAtMs(entry);
      if (atMs <= nowMs) void this.end(entry);
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
    if (this.#onQuiet !== undefined && this.#isQuiet()) this.#onQuiet();
  }

  #isQuiet(): boolean {
    for (const entry of this.#entries.values()) if (entry.phase !== 'ending' && entry.phase !== 'wedged') return false;
    return true;
  }
}

/** Idle, and nobody asked that it be kept. */
function isReclaimable({ phase, isProvisioned }: PoolEntry<unknown>): boolean {
  return phase === 'idle' && !isProvisioned;
}
