import { describe, expect, it } from 'vitest';
import { moment, positiveInteger, twelveDigits, variable } from './option-values.ts';

describe('option values', () => {
  it('variable() collects and keeps further equals signs', () => {
    expect(variable('B=x=y', variable('A='))).toEqual({ A: '', B: 'x=y' });
    expect(() => variable('novalue')).toThrow(/NAME=VALUE/);
  });

  it('positiveInteger() refuses fractions, zero and words', () => {
    expect(positiveInteger('256')).toBe(256);
    for (const value of ['0', '-1', '1.5', 'many', '']) expect(() => positiveInteger(value)).toThrow(/whole number/);
  });

  it('twelveDigits() refuses anything else', () => {
    expect(twelveDigits('123456789012')).toBe('123456789012');
    expect(() => twelveDigits('12345678901')).toThrow(/twelve digits/);
  });

  it('moment() understands spans and dates', () => {
    const [before, tenMinutesAgo, after] = [Date.now(), moment('10m'), Date.now()];
    expect(tenMinutesAgo).toBeGreaterThanOrEqual(before - 600_000);
    expect(tenMinutesAgo).toBeLessThanOrEqual(after - 600_000);
    expect(moment('2026-11-23T10:00:00Z')).toBe(Date.UTC(2026, 10, 23, 10));
    expect(() => moment('soon')).toThrow(/time span/);
  });
});
