import { CloisterError } from '../../errors.ts';
import type { Clock, ScheduledTask } from '../clock.ts';
import type { EnvironmentOwner } from '../environment-owner.ts';
import { FairTurns } from './fair-turns.ts';

/** An invocation that has no environment yet. */
export interface Acquisition {
  readonly owner: EnvironmentOwner;
  /** Its version was replaced meanwhile: what is made for it serves once. */
  isRetired: boolean;
  /** Made ahead of invocations. */
  readonly isProvisioned?: boolean;
  /** Set once it waits for room: how long it goes on to. */
  waitsUntilMs?: number;
}

/** One that waits. */
export interface Waiting<E> {
  readonly acquisition: Acquisition;
  readonly patience: ScheduledTask;
  /** It tried, and what there was did not do: it is not asked again before there is more. */
  wasRefused: boolean;
  readonly resolve: (environment: E | undefined) => void;
  readonly reject: (error: CloisterError) => void;
}

/** For how long, and how many, invocations wait for room on a full host. */
export interface WaitingLimits {
  /** 0: none waits. */
  readonly maxWaitMs: number;
  /** Each holds its payload in memory. */
  readonly maxWaitingPerAccount: number;
}

/** Invocations that wait for room on a full host. Each piece of room is offered in fair turns, by the memory that runs for a function and its account. */
export class RoomQueue<E> {
  readonly #clock: Clock;
  readonly #limits: WaitingLimits;
  readonly #turns = new FairTurns<Waiting<E>[]>();
  readonly #waitingOf = new Map<string, number>();
  #waiting = 0;
  #offers = 0;
  #closed: CloisterError | undefined;

  constructor(clock: Clock, limits: WaitingLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Others wait, or are trying: who comes now has to wait, too. */
  get isContended(): boolean {
    return this.#waiting > 0 || this.#offers > 0;
  }

  /** An environment of this owner is being made, or serves. */
  began({ function: fn }: EnvironmentOwner): void {
    this.#turns.lane(fn, () => []);
    this.#turns.began(fn, fn.memorySizeMiB);
  }

  ended({ function: fn }: EnvironmentOwner): void {
    this.#turns.ended(fn, fn.memorySizeMiB);
    this.#forgetEmpty(fn);
  }

  /**
   * Resolves with an environment of its owner's that came free, or with undefined when there may be room for one; `taken` or `refused` must then be called.
   * Rejects with `NoCapacity` when there was nothing in time. `wasRefused`: it was offered room before, and keeps its place.
   */
  wait(acquisition: Acquisition, wasRefused: boolean): Promise<E | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const { accountId } = acquisition.owner.function;
    const nowMs = this.#clock.monotonicMs();
    acquisition.waitsUntilMs ??= nowMs + this.#limits.maxWaitMs;
    const isTooMany = (this.#waitingOf.get(accountId) ?? 0) >= this.#limits.maxWaitingPerAccount;
    if (acquisition.waitsUntilMs <= nowMs || isTooMany) return Promise.reject(noRoom());
    const { promise, resolve, reject } = Promise.withResolvers<E | undefined>();
    const patience = this.#clock.schedule(acquisition.waitsUntilMs - nowMs, () => {
      this.#remove(waiting);
      reject(noRoom());
    });
    const waiting: Waiting<E> = { acquisition, patience, wasRefused, resolve, reject };
    const lane = this.#turns.lane(acquisition.owner.function, () => []);
    if (wasRefused) lane.unshift(waiting);
    else lane.push(waiting);
    this.#waiting += 1;
    this.#waitingOf.set(accountId, (this.#waitingOf.get(accountId) ?? 0) + 1);
    return promise;
  }

  /** Whose turn it would be; undefined when nobody waits. */
  get next(): Waiting<E> | undefined {
    return this.#turns.peek({ isReady: (lane) => lane.length > 0 })?.[0];
  }

  /** Gives an environment of its owner's to one that waits. */
  hand(waiting: Waiting<E>, environment: E): void {
    this.#turns.tookTurn(waiting.acquisition.owner.function);
    this.#remove(waiting);
    waiting.resolve(environment);
  }

  /** The host has more room than before. */
  grew(): void {
    if (this.#waiting === 0) return;
    for (const lane of this.#turns.lanes()) {
      const [first] = lane;
      if (first !== undefined) first.wasRefused = false;
    }
    this.#offer();
  }

  /** What was offered was enough: perhaps there is more. */
  taken(): void {
    this.#offers -= 1;
    this.#offer();
  }

  /** It was not enough for this one; it may be for another. */
  refused(): void {
    this.#offers -= 1;
    this.#offer();
  }

  /** Nobody gets anything any more. */
  close(error: CloisterError): void {
    this.#closed = error;
    for (const lane of this.#turns.lanes()) {
      for (const waiting of [...lane]) {
        this.#remove(waiting);
        waiting.reject(error);
      }
    }
  }

  #offer(): void {
    const waiting = this.#turns.take({ isReady: ([first]) => first?.wasRefused === false })?.[0];
    if (waiting === undefined) return;
    this.#remove(waiting);
    this.#offers += 1;
    waiting.resolve(undefined);
  }

  #remove(waiting: Waiting<E>): void {
    waiting.patience.cancel();
    const { function: fn } = waiting.acquisition.owner;
    const lane = this.#turns.find(fn);
    const index = lane?.indexOf(waiting) ?? -1;
    if (lane === undefined || index < 0) return;
    lane.splice(index, 1);
    this.#waiting -= 1;
    const left = (this.#waitingOf.get(fn.accountId) ?? 1) - 1;
    if (left === 0) this.#waitingOf.delete(fn.accountId);
    else this.#waitingOf.set(fn.accountId, left);
    this.#forgetEmpty(fn);
  }

  #forgetEmpty(name: { readonly accountId: string; readonly functionName: string }): void {
    if (this.#turns.find(name)?.length === 0) this.#turns.forget(name);
  }
}

function noRoom(): CloisterError {
  return new CloisterError('NoCapacity', 'no room for another execution environment', { operation: 'acquire environment' });
}
