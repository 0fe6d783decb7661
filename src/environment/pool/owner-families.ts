import { memoryPerVcpuMiB } from '../../functions/memory-per-vcpu.ts';
import type { Clock, ScheduledTask } from '../clock.ts';
import type { EnvironmentOwner } from '../environment-owner.ts';
import type { PoolEntry } from './pool-entry.ts';

interface Waiter<E> {
  readonly resolve: (environment: E | undefined) => void;
  readonly patience: ScheduledTask;
}

/** The environments of one owner. */
interface Family<E> {
  /** Most recently used last. */
  readonly idle: PoolEntry<E>[];
  /** Idle, too, and made ahead: they serve first. Most recently used last. */
  readonly provisioned: PoolEntry<E>[];
  readonly waiters: Waiter<E>[];
  finishing: number;
}

/**
 * An environment that has answered is as good as idle: waiting for it beats making another one. At its share of a processor the end of an invocation takes
 * longer the less memory it has: a shell that starts curl for its next event needs some 20 ms of processor time, 280 ms on the clock with 128 MiB.
 */
const leastPatienceMs = 200;
const patienceOfProcessorTimeMs = 100;

/** Of each owner: the environments that are free, and those that are about to be, with who waits for them. */
export class OwnerFamilies<E> {
  readonly #clock: Clock;
  readonly #families = new Map<string, Family<E>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The idle one that was used last, so that the others come to their idle time-out. */
  takeIdle({ key }: EnvironmentOwner): PoolEntry<E> | undefined {
    const family = this.#families.get(key);
    const entry = family?.provisioned.pop() ?? family?.idle.pop();
    if (entry !== undefined) entry.phase = 'busy';
    return entry;
  }

  addIdle(entry: PoolEntry<E>): void {
    entry.phase = 'idle';
    entry.idleSinceMs = this.#clock.monotonicMs();
    const family = this.#family(entry.owner.key);
    (entry.isProvisioned ? family.provisioned : family.idle).push(entry);
  }

  /** It ends: nobody gets it, and who waits for it goes on without. */
  remove(entry: PoolEntry<E>): void {
    const { key } = entry.owner;
    const family = this.#families.get(key);
    if (family === undefined) return;
    const resting = entry.isProvisioned ? family.provisioned : family.idle;
    if (entry.phase === 'idle') resting.splice(resting.indexOf(entry), 1);
    this.leaveFinishing(entry, false);
    this.#forgetEmpty(key, family);
  }

  /** Undefined when nothing is about to be free; resolves with undefined when it was not in time. */
  waitForFinishing({ key, function: fn }: EnvironmentOwner): Promise<E | undefined> | undefined {
    const family = this.#families.get(key);
    if (family === undefined || family.finishing <= family.waiters.length) return undefined;
    return new Promise((resolve) => {
      const patienceMs = Math.max(leastPatienceMs, Math.round((patienceOfProcessorTimeMs * memoryPerVcpuMiB) / fn.memorySizeMiB));
      const patience = this.#clock.schedule(patienceMs, () => {
        family.waiters.splice(family.waiters.indexOf(waiter), 1);
        this.#forgetEmpty(key, family);
        resolve(undefined);
      });
      const waiter: Waiter<E> = { resolve, patience };
      family.waiters.push(waiter);
    });
  }

  addFinishing(entry: PoolEntry<E>): void {
    entry.phase = 'finishing';
    this.#family(entry.owner.key).finishing += 1;
  }

  /** One who waits for an environment that will not come free goes on without. */
  leaveFinishing(entry: PoolEntry<E>, servesAgain: boolean): void {
    if (entry.phase !== 'finishing') return;
    entry.phase = 'busy';
    const { key } = entry.owner;
    const family = this.#family(key);
    family.finishing -= 1;
    if (servesAgain) return;
    const waiter = family.waiters.length > family.finishing ? family.waiters.pop() : undefined;
    if (waiter !== undefined) dismiss(waiter);
    this.#forgetEmpty(key, family);
  }

  /** Gives an environment that came free to who waits for one of this owner; false when nobody does. */
  handOver({ owner: { key }, environment }: PoolEntry<E>): boolean {
    const waiter = this.#families.get(key)?.waiters.shift();
    if (waiter === undefined) return false;
    waiter.patience.cancel();
    waiter.resolve(environment);
    return true;
  }

  dismissAll(): void {
    for (const family of this.#families.values()) for (const waiter of family.waiters.splice(0)) dismiss(waiter);
  }

  #family(key: string): Family<E> {
    let family = this.#families.get(key);
    if (family === undefined) {
      family = { idle: [], provisioned: [], waiters: [], finishing: 0 };
      this.#families.set(key, family);
    }
    return family;
  }

  #forgetEmpty(key: string, { idle, provisioned, waiters, finishing }: Family<E>): void {
    if (idle.length + provisioned.length + waiters.length + finishing === 0) this.#families.delete(key);
  }
}

function dismiss<E>(waiter: Waiter<E>): void {
  waiter.patience.cancel();
  waiter.resolve(undefined);
}
