import { describe, expect, it } from 'vitest';
import { moment, positiveInteger, twelveDigits, variable, weight, wholeNumber } from './option-values.ts';

describe('option values', () => {
  it('variable() collects and keeps further equals signs', () => {
    expect(variable('B=x=y', variable('A='))).toEqual({ A: '', B: 'x=y' });
    expect(() => variable('novalue')).toThrow(/NAME=VALUE/);
  });

  it('positiveInteger() refuses fractions, zero and words', () => {
    expect(positiveInteger('256')).toBe(256);
    for (const value of ['0', '-1', '1.5', 'many', '']) expect(() => positiveInteger(value)).toThrow(/whole number/);
  });

  it('wholeNumber() takes zero and refuses what is no number', () => {
    expect(wholeNumber('0')).toBe(0);
    for (const value of ['-1', '1.5', '1e3', '']) expect(() => wholeNumber(value)).toThrow(/whole number/);
  });

  it('weight() understands shares and percentages up to all', () => {
    expect(weight('4=10%', weight('3=0.25'))).toEqual({ 3: 0.25, 4: 0.1 });
    for (const value of ['4', '4=', '=0.1', '4=1.5', '4=101%', '4=-0.1', '4=x']) expect(() => weight(value)).toThrow(/VERSION=SHARE/);
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
