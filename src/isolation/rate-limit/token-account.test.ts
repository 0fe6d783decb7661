import { expect, it } from 'vitest';
import { TokenAccount } from './token-account.ts';

const bucket = { size: 1_000, refillTimeMs: 1_000, oneTimeBurst: 5_000 };

it('spend() takes the one-time burst first, then tokens, which alone come back', () => {
  const account = new TokenAccount(bucket, 0);
  account.spend(4_000, 10);
  expect(account).toMatchObject({ burstLeft: 1_000, tokens: 1_000 });
  account.spend(1_500, 20);
  expect(account).toMatchObject({ burstLeft: 0, tokens: 500 });
  account.spend(0, 60_000);
  expect(account).toMatchObject({ burstLeft: 0, tokens: 1_000 });
});

it('spend() of more than there is leaves a debt, which time pays back', () => {
  const account = new TokenAccount({ ...bucket, oneTimeBurst: 0 }, 0);
  account.spend(3_000, 0);
  expect(account.tokens).toBe(-2_000);
  expect(account.isOverdrawn).toBe(true);
  account.spend(0, 2_000);
  expect(account.tokens).toBe(0);
  expect(account.isOverdrawn).toBe(false);
});

it('allowance() is never more than four streams can spend of what is left until the next look', () => {
  const account = new TokenAccount(bucket, 0);
  for (let nowMs = 0; nowMs < 10_000; nowMs += 100) {
    const left = account.tokens + account.burstLeft;
    const each = account.allowance(100) * 0.1;
    expect(4 * each).toBeLessThanOrEqual(Math.max(0, left) + 4 * account.ratePerSecond * 0.1 + 1e-9);
    account.spend(each, nowMs + 100);
  }
});

it.each([1, 2, 4])('allowance() brings %i greedy streams to the rate together', (streams) => {
  const account = new TokenAccount(bucket, 0);
  let total = 0;
  for (let nowMs = 0; nowMs < 60_000; nowMs += 100) {
    const used = streams * account.allowance(100) * 0.1;
    total += used;
    account.spend(used, nowMs + 100);
  }
  const atRate = total - bucket.oneTimeBurst - bucket.size;
  expect(atRate / 60_000).toBeGreaterThan(0.95);
  expect(atRate / 60_000).toBeLessThan(1.05);
});
