import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { functionVersion } from '../../test/support/function-version.ts';
import { lambdaConcurrency } from '../functions/concurrency-settings.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { ConcurrencyLimits } from './concurrency-limits.ts';

const account = '123456789012';

function limitsOf(reserved: number, settings: Partial<typeof lambdaConcurrency> = {}, hasProvisioned = false) {
  const clock = new FakeClock();
  const limits = new ConcurrencyLimits({
    settings: { ...lambdaConcurrency, default: 5, accounts: { '210987654321': 2 }, ...settings },
    clock,
    totalReserved: async (accountId) => (accountId === account ? reserved : 0),
    provisioned: {
      wanted: ({ functionName, version }) => (functionName === 'ready' && version === '1' ? 2 : 0),
      wantedUnreserved: (accountId) => (hasProvisioned && accountId === account ? 2 : 0),
    },
  });
  const enter = (more: Partial<FunctionVersion> = {}, isEvent = false) => limits.enter({ function: functionVersion(more), isEvent });
  return { clock, enter };
}

describe('ConcurrencyLimits.enter()', () => {
  it('lets the functions without a reservation of an account share what its reservations leave', async () => {
    const { enter } = limitsOf(2);
    const first = await enter({ functionName: 'a' });
    await enter({ functionName: 'b' });
    await enter({ functionName: 'c' }, true);
    await expect(enter({ functionName: 'd' })).rejects.toMatchObject({ code: 'AccountConcurrencyReached', retryAfterMs: 1_000 });
    await expect(enter({ functionName: 'd' }, true)).rejects.toMatchObject({ code: 'AccountConcurrencyReached' });
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await enter({ functionName: 'd' });
    await expect(enter({ functionName: 'd' })).rejects.toMatchObject({ code: 'AccountConcurrencyReached' });
  });

  it('keeps for a function what is reserved for it, whatever the others run', async () => {
    const { enter } = limitsOf(5);
    await expect(enter()).rejects.toMatchObject({ code: 'AccountConcurrencyReached' });
    const reserved = { functionName: 'kept', reservedConcurrency: 2 };
    await enter(reserved);
    const second = await enter({ ...reserved, version: '1' });
    await expect(enter(reserved)).rejects.toMatchObject({ code: 'ConcurrencyReached' });
    second[Symbol.dispose]();
    await enter(reserved);
    await expect(enter({ functionName: 'stopped', reservedConcurrency: 0 })).rejects.toMatchObject({ code: 'ConcurrencyReached' });
  });

  it('keeps for a version what is provisioned of it, and lets it have of the rest what others leave', async () => {
    const { enter } = limitsOf(0, {}, true);
    const ready = { functionName: 'ready', version: '1' };
    for (const functionName of ['a', 'b', 'c']) await enter({ functionName });
    await expect(enter({ functionName: 'd' })).rejects.toMatchObject({ code: 'AccountConcurrencyReached' });
    const first = await enter(ready);
    await enter(ready);
    await expect(enter(ready)).rejects.toMatchObject({ code: 'AccountConcurrencyReached' });
    first[Symbol.dispose]();
    await expect(enter({ functionName: 'd' })).rejects.toMatchObject({ code: 'AccountConcurrencyReached' });
    await enter(ready);
  });

  it('has a number of its own for an account that the administrator named', async () => {
    const { enter } = limitsOf(0);
    const other = { accountId: '210987654321' };
    await enter(other);
    await enter(other);
    await expect(enter(other)).rejects.toMatchObject({ code: 'AccountConcurrencyReached' });
    await enter();
  });

  it('lets ten invocations a second begin for each that is reserved, and says when the next may', async () => {
    const { clock, enter } = limitsOf(1);
    const reserved = { reservedConcurrency: 1 };
    for (let index = 0; index < 10; index += 1) (await enter(reserved))[Symbol.dispose]();
    await expect(enter(reserved)).rejects.toMatchObject({ code: 'ReservedRequestRateReached', retryAfterMs: 100 });
    (await enter(reserved, true))[Symbol.dispose]();
    clock.advance(100);
    (await enter(reserved))[Symbol.dispose]();
    await expect(enter(reserved)).rejects.toMatchObject({ code: 'ReservedRequestRateReached' });
  });

  it('bounds how often functions without a reservation begin, by account', async () => {
    const { clock, enter } = limitsOf(0, { requestsPerSecond: 3 });
    for (const functionName of ['a', 'b', 'c']) (await enter({ functionName }))[Symbol.dispose]();
    await expect(enter({ functionName: 'd' })).rejects.toMatchObject({ code: 'RequestRateReached' });
    (await enter({ functionName: 'd' }, true))[Symbol.dispose]();
    (await enter({ accountId: '210987654321' }))[Symbol.dispose]();
    clock.advance(1_000);
    (await enter({ functionName: 'd' }))[Symbol.dispose]();
  });
});
