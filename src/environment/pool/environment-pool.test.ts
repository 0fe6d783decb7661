import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { functionVersion } from '../../../test/support/function-version.ts';
import { generousPoolLimits } from '../../../test/support/pool-limits.ts';
import { CloisterError } from '../../errors.ts';
import type { FunctionVersion } from '../../functions/function-version.ts';
import { EnvironmentOwner } from '../environment-owner.ts';
import { EnvironmentPool } from './environment-pool.ts';
import type { PooledEnvironment } from './environment-roster.ts';
import type { WaitingLimits } from './room-queue.ts';
import type { ScalingRateLimit } from './scaling-rate.ts';

class TestEnvironment implements PooledEnvironment {
  readonly owner: EnvironmentOwner;
  readonly id: string;
  isUsable = true;
  isInitialised = true;
  isAlive = false;
  isStarting = true;
  readonly started = Promise.withResolvers<void>();
  readonly destruction = Promise.withResolvers<void>();
  readonly #fits: (one: TestEnvironment) => boolean;
  isDestroying = false;
  #onLost: () => void = () => {};

  constructor(owner: EnvironmentOwner, id: number, fits: (one: TestEnvironment) => boolean) {
    this.owner = owner;
    this.#fits = fits;
    this.id = `env-${id}`;
  }

  start(made: () => void): Promise<void> {
    if (!this.#fits(this)) {
      this.isStarting = false;
      return Promise.reject(new CloisterError('NoCapacity', 'no memory', { operation: 'test' }));
    }
    this.isAlive = true;
    made();
    return this.started.promise.finally(() => {
      this.isStarting = false;
    });
  }

  destroy(): Promise<void> {
    this.isUsable = false;
    this.isDestroying = true;
    this.started.reject(new CloisterError('EnvironmentGone', 'destroyed', { operation: 'test' }));
    return this.destruction.promise.then(() => {
      this.isAlive = false;
    });
  }

  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  lose(): void {
    if (!this.isUsable) return;
    this.isUsable = false;
    this.#onLost();
  }
}

interface Bounds {
  readonly maxEnvironments?: number;
  readonly maxMemoryMiB?: number;
  readonly waiting?: WaitingLimits;
  readonly scalingRate?: ScalingRateLimit;
}

/** A pool over test environments of a host with so much memory; unless `byHand`, they start and end at once. */
function testPool({ maxEnvironments = 10, maxMemoryMiB = 10_240, ...limits }: Bounds = {}, byHand = false) {
  const clock = new FakeClock();
  const made: TestEnvironment[] = [];
  const problems: string[] = [];
  const memoryMiB = (environments: readonly TestEnvironment[]) => environments.reduce((sum, one) => sum + one.owner.function.memorySizeMiB, 0);
  const fits = (one: TestEnvironment) => memoryMiB([...made.filter(({ isAlive }) => isAlive), one]) <= maxMemoryMiB;
  const pool = new EnvironmentPool<TestEnvironment>({
    create: (owner) => {
      const environment = new TestEnvironment(owner, made.length, fits);
      environment.started.promise.catch(() => {});
      made.push(environment);
      if (!byHand) {
        environment.started.resolve();
        environment.destruction.resolve();
      }
      return environment;
    },
    clock,
    ...generousPoolLimits,
    ...limits,
    lifetimeOf: ({ functionName }) => ({
      idleTimeoutMs: functionName.startsWith('lasting') ? 14_400_000 : functionName.startsWith('brief') ? 60_000 : 900_000,
      maxAgeMs: 28_800_000,
    }),
    maxEnvironments,
    onProblem: (problem) => void problems.push(problem),
  });
  return { pool, clock, made, problems };
}

/** An owner without tenant isolation. */
function ownerOf(overrides: Partial<FunctionVersion> = {}): EnvironmentOwner {
  return EnvironmentOwner.of(functionVersion(overrides));
}

const alive = (made: readonly TestEnvironment[]): number => made.filter((environment) => environment.isAlive).length;
async function stop(pool: EnvironmentPool<TestEnvironment>, clock: FakeClock): Promise<void> {
  const stopped = pool.stop(0);
  clock.advance(0);
  await stopped;
}
/** Lets every promise that can go on do so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('EnvironmentPool', () => {
  it('hands out the most recently used idle environment', async () => {
    const { pool } = testPool();
    const fn = ownerOf();
    const first = await pool.acquire(fn);
    const second = await pool.acquire(fn);
    pool.release(second);
    pool.release(first);
    expect(await pool.acquire(fn)).toBe(first);
  });

  it('ends an environment once it has been idle for 15 minutes, and not before', async () => {
    const { pool, clock, made } = testPool();
    pool.release(await pool.acquire(ownerOf()));
    clock.advance(600_000);
    const other = ownerOf({ functionName: 'other' });
    pool.release(await pool.acquire(other));
    clock.advance(299_999);
    await settle();
    expect(alive(made)).toBe(2);
    clock.advance(1);
    await settle();
    expect(made.map(({ isAlive }) => isAlive)).toEqual([false, true]);
    clock.advance(600_000);
    await settle();
    expect(alive(made)).toBe(0);
    expect(clock.scheduled).toBe(0);
  });

  it('ends each idle environment by the time-out of its own function, whichever became idle first', async () => {
    const { pool, clock, made } = testPool();
    const lasting = await pool.acquire(ownerOf({ functionName: 'lasting' }));
    pool.release(lasting);
    pool.release(await pool.acquire(ownerOf({ functionName: 'brief' })));
    clock.advance(59_999);
    await settle();
    expect(alive(made)).toBe(2);
    clock.advance(1);
    await settle();
    expect(made.map(({ isAlive }) => isAlive)).toEqual([true, false]);
    clock.advance(14_400_000 - 60_001);
    expect(await pool.acquire(ownerOf({ functionName: 'lasting' }))).toBe(lasting);
    pool.release(lasting);
    clock.advance(14_399_999);
    await settle();
    expect(alive(made)).toBe(1);
    clock.advance(1);
    await settle();
    expect(alive(made)).toBe(0);
  });

  it('lets those that are not needed go: of five that served at once, the one used since stays', async () => {
    const { pool, clock, made } = testPool();
    const all = await Promise.all(Array.from({ length: 5 }, () => pool.acquire(ownerOf())));
    for (const one of all) pool.release(one);
    for (let minute = 0; minute < 15; minute += 1) {
      clock.advance(60_000);
      pool.release(await pool.acquire(ownerOf()));
    }
    await settle();
    expect(made.filter(({ isAlive }) => isAlive)).toEqual([all[4]]);
  });

  it('gives no invocation to an environment past its maximum age, and ends it', async () => {
    const { pool, clock, made } = testPool();
    const owner = ownerOf();
    const first = await pool.acquire(owner);
    pool.release(first);
    for (let served = 0; served < 47; served += 1) {
      clock.advance(600_000);
      const again = await pool.acquire(owner);
      expect(again).toBe(first);
      pool.release(again);
    }
    clock.advance(599_999);
    expect(await pool.acquire(owner)).toBe(first);
    clock.advance(1);
    // Eight hours old while it serves: this invocation ends as it would have, and is the last.
    expect(first.isAlive).toBe(true);
    const second = await pool.acquire(owner);
    expect(second).not.toBe(first);
    pool.release(first);
    await settle();
    expect(made.map(({ isAlive }) => isAlive)).toEqual([false, true]);
  });

  it('ends an idle environment at its maximum age, though it was used a moment ago', async () => {
    const { pool, clock, made } = testPool();
    const owner = ownerOf({ functionName: 'lasting' });
    const environment = await pool.acquire(owner);
    clock.advance(28_799_000);
    pool.release(environment);
    clock.advance(999);
    await settle();
    expect(alive(made)).toBe(1);
    clock.advance(1);
    await settle();
    expect(alive(made)).toBe(0);
    expect(clock.scheduled).toBe(0);
  });

  it('retire() lets what runs end, and what is still to be made for the old version serve once', async () => {
    const { pool, made } = testPool({ maxEnvironments: 2 }, true);
    const old = ownerOf();
    const isOld = (fn: FunctionVersion) => fn === old.function;
    const first = pool.acquire(old);
    await settle();
    made[0]?.started.resolve();
    const running = await first;
    const other = pool.acquire(ownerOf({ functionName: 'other' }));
    await settle();
    made[1]?.started.resolve();
    pool.release(await other);
    // No room: it waits for the idle one of the other function to end.
    const late = pool.acquire(old);
    await settle();
    pool.retire(isOld);
    expect(running.isDestroying).toBe(false);
    made[1]?.destruction.resolve();
    await settle();
    made[2]?.started.resolve();
    const made2 = await late;
    expect(made2).toBe(made[2]);
    pool.release(running);
    pool.release(made2);
    expect(running.isDestroying).toBe(true);
    expect(made2.isDestroying).toBe(true);
    for (const one of made) one.destruction.resolve();
    await settle();
    expect(pool.list()).toEqual([]);
  });

  it('ends the longest idle environment to make room for another function', async () => {
    const { pool, clock, made } = testPool({ maxEnvironments: 2 });
    for (const functionName of ['a', 'b']) {
      pool.release(await pool.acquire(ownerOf({ functionName })));
      clock.advance(1_000);
    }
    await pool.acquire(ownerOf({ functionName: 'c' }));
    expect(made.map(({ isAlive }) => isAlive)).toEqual([false, true, true]);
  });

  it('refuses what the host has no room for', async () => {
    const { pool, made } = testPool({ maxMemoryMiB: 1_024 });
    await pool.acquire(ownerOf({ memorySizeMiB: 768 }));
    await expect(pool.acquire(ownerOf({ memorySizeMiB: 512 }))).rejects.toMatchObject({ code: 'NoCapacity' });
    await pool.acquire(ownerOf({ memorySizeMiB: 256 }));
    expect(alive(made)).toBe(2);
    expect(pool.list()).toHaveLength(2);
  });

  it('ends as many idle environments, the longest idle first, as it takes to make room on the host', async () => {
    const { pool, clock, made } = testPool({ maxMemoryMiB: 1_024 });
    for (const functionName of ['a', 'b', 'c', 'd']) {
      pool.release(await pool.acquire(ownerOf({ functionName, memorySizeMiB: 256 })));
      clock.advance(1_000);
    }
    await pool.acquire(ownerOf({ functionName: 'e', memorySizeMiB: 512 }));
    // Two attempts found no room yet.
    expect(made.map(({ isAlive }) => isAlive)).toEqual([false, false, true, true, false, false, true]);
  });

  it('reclaim() ends an eighth of the idle environments, the longest idle first, and none that serves', async () => {
    const { pool, clock, made } = testPool({ maxEnvironments: 20 });
    for (let index = 0; index < 9; index += 1) {
      pool.release(await pool.acquire(ownerOf({ functionName: `f${index}` })));
      clock.advance(1_000);
    }
    await pool.acquire(ownerOf({ functionName: 'f0' }));
    pool.reclaim();
    await settle();
    expect(made.map(({ isAlive }) => isAlive)).toEqual([true, false, true, true, true, true, true, true, true]);
    for (let round = 0; round < 7; round += 1) {
      pool.reclaim();
      await settle();
    }
    expect(alive(made)).toBe(1);
    pool.reclaim();
    expect(alive(made)).toBe(1);
  });

  it('counts an environment until its destruction is done', async () => {
    const { pool, made } = testPool({ maxEnvironments: 1 }, true);
    const acquiring = pool.acquire(ownerOf());
    await settle();
    made[0]?.started.resolve();
    pool.release(await acquiring);
    const next = pool.acquire(ownerOf({ functionName: 'other' }));
    await settle();
    expect(made).toHaveLength(1);
    made[0]?.destruction.resolve();
    await settle();
    expect(made).toHaveLength(2);
    made[1]?.started.resolve();
    expect(await next).toBe(made[1]);
  });

  it('waits for an environment that has answered rather than making another', async () => {
    const { pool, made } = testPool();
    const environment = await pool.acquire(ownerOf());
    pool.finishing(environment);
    const next = pool.acquire(ownerOf());
    await settle();
    pool.release(environment);
    expect(await next).toBe(environment);
    expect(made).toHaveLength(1);
  });

  it('makes another one when the answered environment does not come free in time', async () => {
    const { pool, made, clock } = testPool();
    const owner = () => ownerOf({ memorySizeMiB: 1_769 });
    const environment = await pool.acquire(owner());
    pool.finishing(environment);
    const next = pool.acquire(owner());
    await settle();
    clock.advance(200);
    expect(await next).not.toBe(environment);
    expect(made).toHaveLength(2);
  });

  it('gives an environment with a small share of a processor longer to finish', async () => {
    const { pool, made, clock } = testPool();
    const environment = await pool.acquire(ownerOf({ memorySizeMiB: 128 }));
    pool.finishing(environment);
    const next = pool.acquire(ownerOf({ memorySizeMiB: 128 }));
    await settle();
    clock.advance(1_000);
    await settle();
    expect(made).toHaveLength(1);
    pool.release(environment);
    expect(await next).toBe(environment);
  });

  it('lets who waits for an answered environment go on at once when that is destroyed', async () => {
    const { pool, made } = testPool();
    const environment = await pool.acquire(ownerOf());
    pool.finishing(environment);
    const next = pool.acquire(ownerOf());
    await settle();
    await pool.destroy(environment);
    expect(await next).not.toBe(environment);
    expect(made).toHaveLength(2);
  });

  it('ends what is lost while idle', async () => {
    const { pool, made } = testPool();
    const environment = await pool.acquire(ownerOf());
    pool.release(environment);
    environment.lose();
    await settle();
    expect(alive(made)).toBe(0);
    expect(await pool.acquire(ownerOf())).not.toBe(environment);
  });

  it('keeps counting an environment that could not be destroyed, without waiting for it', async () => {
    const { pool, made, problems } = testPool({ maxEnvironments: 1 }, true);
    const acquiring = pool.acquire(ownerOf());
    await settle();
    made[0]?.started.resolve();
    pool.release(await acquiring);
    made[0]?.destruction.reject(new Error('busy'));
    await expect(pool.acquire(ownerOf({ functionName: 'other' }))).rejects.toMatchObject({ code: 'NoCapacity' });
    expect(problems).toHaveLength(1);
    await pool.stop(0);
  });

  it('gives a full host’s next free room to the account that has least, not to the one that floods', async () => {
    const { pool, clock, made } = testPool({ maxEnvironments: 4, waiting: { maxWaitMs: 1_000, maxWaitingPerAccount: 64 } });
    const flood = Array.from({ length: 60 }, () => pool.acquire(ownerOf({ functionName: 'flood' })));
    const floods = flood.map((one) => one.catch((error: unknown) => error));
    const running = await Promise.all(flood.slice(0, 4));
    const other = ownerOf({ accountId: '210987654321' });
    const waiting = pool.acquire(other);
    await settle();
    expect(alive(made)).toBe(4);
    pool.release(running[0] as TestEnvironment);
    const served = await waiting;
    expect(served.owner).toBe(other);
    expect(made.map(({ isAlive }) => isAlive)).toEqual([false, true, true, true, true]);
    // Nobody else waits: the flood goes on in what it has, without another start.
    pool.release(running[1] as TestEnvironment);
    expect(await floods[4]).toBe(running[1]);
    expect(made).toHaveLength(5);
    // Theirs is free again, and goes to who waits.
    pool.release(served);
    await settle();
    expect(made.filter(({ isAlive, owner }) => isAlive && owner.function.functionName === 'flood')).toHaveLength(4);
    await stop(pool, clock);
    expect((await Promise.all(floods.slice(6))).every((error) => error instanceof CloisterError && error.code === 'ShuttingDown')).toBe(true);
  });

  it('shares a full host evenly between accounts that all ask for more, and between the functions of one', async () => {
    const { pool, clock, made } = testPool({ maxEnvironments: 6, waiting: { maxWaitMs: 60_000, maxWaitingPerAccount: 64 } });
    const held: TestEnvironment[] = [];
    const take = (owner: EnvironmentOwner, times: number): void => {
      for (let time = 0; time < times; time += 1)
        pool.acquire(owner).then(
          (one) => held.push(one),
          () => {},
        );
    };
    take(ownerOf({ accountId: '111111111111', functionName: 'a' }), 30);
    await settle();
    take(ownerOf({ accountId: '222222222222', functionName: 'b' }), 30);
    take(ownerOf({ accountId: '222222222222', functionName: 'c' }), 30);
    for (let round = 0; round < 12; round += 1) {
      pool.release(held.shift() as TestEnvironment);
      await settle();
    }
    const living = made.filter(({ isAlive }) => isAlive).map(({ owner }) => owner.function.functionName);
    expect(living.toSorted()).toEqual(['a', 'a', 'a', 'b', 'c', expect.stringMatching(/[bc]/)]);
    await stop(pool, clock);
  });

  it('lets invocations wait for room for a second at most, and so many of an account', async () => {
    const { pool, clock } = testPool({ maxEnvironments: 1, waiting: { maxWaitMs: 1_000, maxWaitingPerAccount: 2 } });
    await pool.acquire(ownerOf());
    const waiting = [1, 2, 3].map(() => pool.acquire(ownerOf({ functionName: 'other' })).catch((error: unknown) => error));
    const third = await waiting[2];
    expect(third).toMatchObject({ code: 'NoCapacity' });
    clock.advance(999);
    await settle();
    clock.advance(1);
    expect(await Promise.all(waiting)).toEqual([1, 2, 3].map(() => expect.objectContaining({ code: 'NoCapacity' })));
    expect(clock.scheduled).toBe(0);
  });

  it('lets a small one pass a large one that does not fit yet, which keeps its place', async () => {
    const { pool, made } = testPool({ maxMemoryMiB: 1_024, waiting: { maxWaitMs: 60_000, maxWaitingPerAccount: 64 } });
    const running: TestEnvironment[] = [];
    for (let index = 0; index < 4; index += 1) running.push(await pool.acquire(ownerOf({ functionName: 'running', memorySizeMiB: 256 })));
    const large = pool.acquire(ownerOf({ accountId: '222222222222', memorySizeMiB: 512 }));
    await settle();
    const small = pool.acquire(ownerOf({ accountId: '333333333333', memorySizeMiB: 256 }));
    await settle();
    pool.release(running[0] as TestEnvironment);
    expect((await small).owner.function.accountId).toBe('333333333333');
    pool.release(running[1] as TestEnvironment);
    await settle();
    pool.release(running[2] as TestEnvironment);
    expect((await large).owner.function.memorySizeMiB).toBe(512);
    expect(made.filter(({ isAlive }) => isAlive).map(({ owner }) => owner.function.memorySizeMiB)).toEqual([256, 256, 512]);
  });

  it('gives a function further environments at its scaling rate, and others theirs', async () => {
    const { pool, clock } = testPool({ maxEnvironments: 20, scalingRate: { environments: 5, refillTimeMs: 10_000 } });
    const fn = ownerOf();
    const first = await pool.acquire(fn);
    for (let index = 0; index < 4; index += 1) await pool.acquire(fn);
    await expect(pool.acquire(fn)).rejects.toMatchObject({ code: 'ScalingRateReached', retryAfterMs: 2_000 });
    await pool.acquire(ownerOf({ functionName: 'other' }));
    // What it has serves on.
    pool.release(first);
    expect(await pool.acquire(fn)).toBe(first);
    clock.advance(2_000);
    await pool.acquire(fn);
    await expect(pool.acquire(fn)).rejects.toMatchObject({ code: 'ScalingRateReached' });
    await stop(pool, clock);
  });

  it('stop() waits for running invocations no longer than the grace', async () => {
    const { pool, made, clock } = testPool();
    await pool.acquire(ownerOf());
    const stopped = pool.stop(5_000);
    await settle();
    expect(alive(made)).toBe(1);
    clock.advance(5_000);
    await stopped;
    expect(alive(made)).toBe(0);
  });
});

const isolated = functionVersion({ functionName: 'isolated', tenantIsolationMode: 'PER_TENANT' });
const families = [
  ownerOf(),
  ownerOf({ accountId: '210987654321' }),
  ownerOf({ revisionId: 'revision-2' }),
  ownerOf({ version: '1', memorySizeMiB: 512 }),
  ownerOf({ functionName: 'other', memorySizeMiB: 1_024 }),
  EnvironmentOwner.of(isolated, 'blue'),
  EnvironmentOwner.of(isolated, 'green'),
];

const bounds = { maxEnvironments: 4, maxMemoryMiB: 2_048, waiting: { maxWaitMs: 100_000, maxWaitingPerAccount: 8 } };

type Action = {
  readonly kind: 'acquire' | 'started' | 'refused' | 'finishing' | 'release' | 'lose' | 'destroyed' | 'retire' | 'advance';
  readonly pick: number;
};

/** What makes environments serve comes often, what ends them now and then. */
const weights: Readonly<Record<Action['kind'], number>> = {
  acquire: 10,
  started: 8,
  release: 8,
  finishing: 3,
  destroyed: 4,
  advance: 1,
  lose: 1,
  retire: 1,
  refused: 1,
};
const kinds = Object.entries(weights).map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind as Action['kind']) }));
const action: fc.Arbitrary<Action> = fc.record({ kind: fc.oneof(...kinds), pick: fc.nat(20) });

/** A run of the pool with everything that can go its own way left to the actions. */
class PoolRun {
  readonly rig = testPool(bounds, true);
  readonly held: TestEnvironment[] = [];
  readonly violations: string[] = [];
  reuseCount = 0;
  readonly #served = new Set<TestEnvironment>();
  #pending = 0;

  async act({ kind, pick }: Action): Promise<void> {
    const { pool, made, clock } = this.rig;
    const some = (from: readonly TestEnvironment[]): TestEnvironment | undefined => from[pick % Math.max(1, from.length)];
    const owner = families[pick % families.length] ?? ownerOf();
    if (kind === 'acquire') this.#acquire(owner);
    else if (kind === 'started') some(made.filter((one) => one.isStarting))?.started.resolve();
    else if (kind === 'refused')
      some(made.filter((one) => one.isStarting))?.started.reject(new CloisterError('HostUnfit', 'no', { operation: 'test' }));
    else if (kind === 'lose') some(made)?.lose();
    else if (kind === 'destroyed') some(made.filter((one) => one.isDestroying))?.destruction.resolve();
    else if (kind === 'retire') pool.retire((candidate) => candidate === owner.function);
    else if (kind === 'advance') clock.advance(pick * 50_000);
    else this.#give(kind, some(this.held));
    await settle();
    this.check();
  }

  #acquire(owner: EnvironmentOwner): void {
    this.#pending += 1;
    this.rig.pool.acquire(owner).then(
      (environment) => {
        this.#pending -= 1;
        if (this.#served.has(environment)) this.reuseCount += 1;
        this.#served.add(environment);
        // Compared by identity, not by key: each of these owners is one object.
        if (environment.owner !== owner) this.violations.push(`${environment.id} serves another function than its own`);
        if (this.held.includes(environment)) this.violations.push(`${environment.id} serves two at once`);
        this.held.push(environment);
      },
      (error: unknown) => {
        this.#pending -= 1;
        if (!(error instanceof CloisterError)) this.violations.push(`acquire failed with ${error}`);
      },
    );
  }

  #give(kind: Action['kind'], environment: TestEnvironment | undefined): void {
    if (environment === undefined) return;
    if (kind === 'finishing') {
      this.rig.pool.finishing(environment);
      return;
    }
    this.held.splice(this.held.indexOf(environment), 1);
    this.rig.pool.release(environment);
  }

  check(): void {
    const living = this.rig.made.filter((one) => one.isAlive);
    expect(living.length).toBeLessThanOrEqual(bounds.maxEnvironments);
    expect(living.reduce((sum, one) => sum + one.owner.function.memorySizeMiB, 0)).toBeLessThanOrEqual(bounds.maxMemoryMiB);
    expect(this.violations).toEqual([]);
  }

  async end(): Promise<void> {
    const stopped = this.rig.pool.stop(1_000);
    await settle();
    this.rig.clock.advance(1_000);
    for (let round = 0; round < 20; round += 1) {
      for (const one of this.rig.made) one.destruction.resolve();
      await settle();
    }
    await stopped;
    expect(this.rig.made.filter((one) => one.isAlive)).toEqual([]);
    expect(this.rig.pool.list()).toEqual([]);
    // Whoever waited for something has been told.
    expect(this.#pending).toBe(0);
    expect(this.rig.clock.scheduled).toBe(0);
  }
}

describe('EnvironmentPool under any order of events', () => {
  it('never serves two at once or another owner, never exceeds its bounds, and destroys all in the end', async () => {
    let reuseCount = 0;
    let madeCount = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 80 }), async (actions) => {
        const run = new PoolRun();
        for (const one of actions) await run.act(one);
        reuseCount += run.reuseCount;
        madeCount += run.rig.made.length;
        await run.end();
      }),
      { numRuns: 2_000 },
    );
    // The runs were about something: environments were made, and used again.
    expect(madeCount).toBeGreaterThan(5_000);
    expect(reuseCount).toBeGreaterThan(1_000);
  });
});
