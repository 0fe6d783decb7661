import { describe, expect, it } from 'vitest';
import type { FunctionAlias } from './function-alias.ts';
import { chooseVersion } from './function-alias.ts';

const alias: FunctionAlias = {
  accountId: '123456789012',
  functionName: 'f',
  aliasName: 'live',
  functionVersion: '1',
  description: '',
  revisionId: 'r',
};

describe('chooseVersion()', () => {
  it('answers the alias’s own version without asking for a number when there is no other', () => {
    const fail = () => expect.unreachable('asked');
    expect(chooseVersion(alias, fail)).toBe('1');
  });

  it.each([
    [0, 0, '1'],
    [0.25, 0, '2'],
    [0.25, 0.249_999, '2'],
    [0.25, 0.25, '1'],
    [0.25, 0.999_999, '1'],
    [1, 0.999_999, '2'],
  ])('with weight %f and number %f answers %s', (weight, number, version) => {
    expect(chooseVersion({ ...alias, additionalVersion: { version: '2', weight } }, () => number)).toBe(version);
  });

  it('gives the other version its share', () => {
    const weight = 0.2;
    const draws = 100_000;
    let taken = 0;
    for (let draw = 0; draw < draws; draw += 1) {
      if (chooseVersion({ ...alias, additionalVersion: { version: '2', weight } }, Math.random) === '2') taken += 1;
    }
    // Ten standard deviations: a fair choice leaves them once in 10^22 runs.
    const deviation = Math.sqrt(draws * weight * (1 - weight));
    expect(Math.abs(taken - draws * weight)).toBeLessThan(10 * deviation);
  });
});
