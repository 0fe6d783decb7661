import { InvalidArgumentError } from 'commander';

/** An account id as AWS writes it. */
export function twelveDigits(value: string): string {
  if (!/^\d{12}$/.test(value)) throw new InvalidArgumentError('An account is twelve digits.');
  return value;
}

/** A whole number above zero. */
export function positiveInteger(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number <= 0) throw new InvalidArgumentError('It takes a whole number above 0.');
  return number;
}

/** A whole number, zero included. */
export function wholeNumber(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new InvalidArgumentError('It takes a whole number.');
  return Number(value);
}

/** Collects `NAME=VALUE` of a repeated option. */
export function variable(value: string, earlier: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [, name, text] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (name === undefined || text === undefined) throw new InvalidArgumentError('It takes NAME=VALUE.');
  return { ...earlier, [name]: text };
}

/** Collects the values of a repeated option. */
export function repeated(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

/** Collects `VERSION=SHARE` of a repeated option: `3=0.1` and `3=10%` send a tenth of the invocations to version 3. */
export function weight(value: string, earlier: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const [, version, number, percent] = /^([^=]+)=(\d+(?:\.\d+)?)(%?)$/.exec(value) ?? [];
  const share = percent === '%' ? Number(number) / 100 : Number(number);
  if (version === undefined || share > 1) throw new InvalidArgumentError('It takes VERSION=SHARE, such as 3=0.1 or 3=10%.');
  return { ...earlier, [version]: share };
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A moment in milliseconds since the epoch: `10m`, `2h`, `1d` ago, or a date that Date understands. */
export function moment(value: string): number {
  const [, amount, unit] = /^(\d+)([smhd])$/.exec(value) ?? [];
  if (amount !== undefined && unit !== undefined) return Date.now() - Number(amount) * (secondsOf[unit] ?? 0) * 1_000;
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw new InvalidArgumentError('It takes a time span such as 10m, 2h or 1d, or a date such as 2026-11-23T10:00:00Z.');
  return at;
}
