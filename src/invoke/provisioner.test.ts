import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { functionVersion } from '../../test/support/function-version.ts';
import { generousPoolLimits } from '../../test/support/pool-limits.ts';
import { EnvironmentOwner } from '../environment/environment-owner.ts';
import { EnvironmentPool } from '../environment/pool/environment-pool.ts';
import type { PooledEnvironment } from '../environment/pool/environment-roster.ts';
import { CloisterError } from '../errors.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { Provisioner } from './provisioner.ts';

class TestEnvironment implements PooledEnvironment {
  readonly id: string;
  readonly owner: EnvironmentOwner;
  readonly isProvisioned: boolean;
  isUsable = true;
  isInitialised = false;
  readonly #init: () => 'well' | 'badly' | 'noRoom';
  #onLost: () => void = () => {};

  constructor(id: string, owner: EnvironmentOwner, options: { isProvisioned: boolean; init: () => 'well' | 'badly' | 'noRoom' }) {
    this.id = id;
    this.owner = owner;
    this.isProvisioned = options.isProvisioned;
    this.#init = options.init;
  }

  async start(made: () => void): Promise<void> {
    const how = this.#init();
    if (how === 'noRoom') throw new CloisterError('NoCapacity', 'no memory', { operation: 'test' });
    made();
    this.isInitialised = how === 'well';
  }

  async destroy(): Promise<void> {
    this.isUsable = false;
  }

  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  lose(): void {
    this.isUsable = false;
    this.#onLost();
  }
}

const one = functionVersion({ version: '1', revisionId: 'r1' });
const two = functionVersion({ version: '2', revisionId: 'r2' });
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function rig(maxEnvironments = 10) {
  const clock = new FakeClock();
  const state = { init: 'well' as 'well' | 'badly' | 'noRoom' };
  const made: TestEnvironment[] = [];
  const problems: string[] = [];
  const pool = new EnvironmentPool<TestEnvironment>({
    ...generousPoolLimits,
    create: (owner, isProvisioned) => {
      const environment = new TestEnvironment(`env-${made.length}`, owner, { isProvisioned, init: () => state.init });
      made.push(environment);
      return environment;
    },
    clock,
    maxEnvironments,
    onProvisionedEnd: (owner) => provisioner.ended(owner),
    onProblem: (problem) => void problems.push(problem),
  });
  const provisioner = new Provisioner({ pool, clock, ownerOf: (fn) => EnvironmentOwner.of(fn), onProblem: (problem) => void problems.push(problem) });
  const set = (...parts: readonly (readonly [FunctionVersion, number])[]) =>
    provisioner.set(one, [{ qualifier: 'live', parts: parts.map(([fn, executions]) => ({ function: fn, executions })) }]);
  const living = () => pool.list().map(({ owner, isProvisioned }) => `${owner.function.version}${isProvisioned ? ' ahead' : ''}`);
  return { clock, state, made, problems, pool, provisioner, set, living, status: () => provisioner.status(one, 'live') };
}

describe('Provisioner', () => {
  it('makes what was asked for, ahead of any invocation, and says how far it is', async () => {
    const { set, status, living } = rig();
    set([one, 6]);
    expect(status()).toEqual({ ready: 0, status: 'IN_PROGRESS' });
    await settle();
    expect(status()).toEqual({ ready: 6, status: 'READY' });
    expect(living()).toEqual(Array.from({ length: 6 }, () => '1 ahead'));
  });

  it('keeps them whatever time passes, and makes others for those past their age or lost', async () => {
    const { set, status, made, clock, pool } = rig();
    set([one, 2]);
    await settle();
    clock.advance(28_799_999);
    await settle();
    expect(made).toHaveLength(2);
    clock.advance(1);
    await settle();
    expect(status()).toEqual({ ready: 2, status: 'READY' });
    expect(made.map(({ isUsable }) => isUsable)).toEqual([false, false, true, true]);
    made[2]?.lose();
    await settle();
    expect(made).toHaveLength(5);
    await pool.destroy(made[3] as TestEnvironment);
    await settle();
    expect(status()).toEqual({ ready: 2, status: 'READY' });
    expect(made).toHaveLength(6);
  });

  it('lets them serve first, and what is beyond them be served by others, which go as others do', async () => {
    const { set, pool, made, clock, living } = rig();
    set([one, 2]);
    await settle();
    const owner = EnvironmentOwner.of(one);
    const serving = await Promise.all([1, 2, 3].map(() => pool.acquire(owner)));
    expect(serving.map(({ isProvisioned }) => isProvisioned)).toEqual([true, true, false]);
    for (const environment of serving.toReversed()) pool.release(environment);
    expect((await pool.acquire(owner)).isProvisioned).toBe(true);
    pool.release(made[0] as TestEnvironment);
    clock.advance(900_000);
    await settle();
    expect(living()).toEqual(['1 ahead', '1 ahead']);
  });

  it('gives none of them up for others, nor when the host runs short', async () => {
    const { set, pool, living } = rig(2);
    set([one, 2]);
    await settle();
    await expect(pool.acquire(EnvironmentOwner.of(functionVersion({ functionName: 'other' })))).rejects.toMatchObject({ code: 'NoCapacity' });
    pool.reclaim();
    await settle();
    expect(living()).toEqual(['1 ahead', '1 ahead']);
  });

  it('follows what an alias shares, and what is asked for anew', async () => {
    const { set, living, status, provisioner } = rig();
    set([one, 4]);
    await settle();
    set([one, 1], [two, 2]);
    await settle();
    expect(living().toSorted()).toEqual(['1 ahead', '2 ahead', '2 ahead']);
    expect(status()).toEqual({ ready: 3, status: 'READY' });
    expect([provisioner.wanted(one), provisioner.wanted(two), provisioner.wantedUnreserved('123456789012')]).toEqual([1, 2, 3]);
    provisioner.set(one, []);
    await settle();
    expect(living()).toEqual([]);
    expect([provisioner.wanted(one), provisioner.wantedUnreserved('123456789012')]).toEqual([0, 0]);
  });

  it('ends one that serves after its invocation when fewer are asked for', async () => {
    const { set, pool, provisioner, made } = rig();
    set([one, 1]);
    await settle();
    const serving = await pool.acquire(EnvironmentOwner.of(one));
    provisioner.set(one, []);
    await settle();
    expect(serving.isUsable).toBe(true);
    pool.release(serving);
    await settle();
    expect(made.map(({ isUsable }) => isUsable)).toEqual([false]);
  });

  it('has failed when the init does, says why, and tries again ever later', async () => {
    const { set, status, state, clock, made, pool } = rig();
    state.init = 'badly';
    set([one, 1]);
    await settle();
    expect(status()).toEqual({ ready: 0, status: 'FAILED', reason: 'FUNCTION_ERROR_INIT_FAILURE' });
    expect(pool.list()).toEqual([]);
    const attempts: number[] = [];
    for (let second = 1; second <= 64; second += 1) {
      const before = made.length;
      clock.advance(1_000);
      await settle();
      if (made.length > before) attempts.push(second);
    }
    expect(attempts).toEqual([1, 3, 7, 15, 31, 63]);
    state.init = 'well';
    set([one, 1]);
    await settle();
    expect(status()).toEqual({ ready: 1, status: 'READY' });
  });

  it('has failed while the host has no room for all, with those that there are', async () => {
    const { set, status, pool, clock, problems } = rig(3);
    const other = await pool.acquire(EnvironmentOwner.of(functionVersion({ functionName: 'other' })));
    set([one, 3]);
    await settle();
    expect(status()).toEqual({ ready: 2, status: 'FAILED', reason: 'The host has no room for as many execution environments.' });
    expect(problems).toHaveLength(1);
    pool.release(other);
    clock.advance(1_000);
    await settle();
    expect(status()).toEqual({ ready: 3, status: 'READY' });
  });

  it('makes no more after stop()', async () => {
    const { set, provisioner, made, clock } = rig();
    set([one, 1]);
    await settle();
    provisioner.stop();
    made[0]?.lose();
    await settle();
    expect(made).toHaveLength(1);
    expect(clock.scheduled).toBe(1);
  });
});
