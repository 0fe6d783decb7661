import { describe, expect, it } from 'vitest';
import type { FilterInstruction } from '../linux/seccomp-filter.ts';
import { seccompVerdict } from './seccomp-verdict.ts';

const x64 = 0xc000_003e;
const statement = (code: number, operand: number): FilterInstruction => ({ code, jumpTrue: 0, jumpFalse: 0, operand });
const jump = (code: number, operand: number, jumpTrue: number, jumpFalse: number): FilterInstruction => ({ code, jumpTrue, jumpFalse, operand });
const load = (offset: number) => statement(0x20, offset);
const answer = (operand: number) => statement(0x06, operand);
const allow = answer(0x7fff_0000);
const kill = answer(0x8000_0000);
const refuse = (errno: number) => answer(0x0005_0000 | errno);

/** Kills other architectures, lets 1 pass, lets 2 pass when the low byte of its second argument is 3, refuses the rest with 38. */
const filter = [
  load(4),
  jump(0x15, x64, 1, 0),
  kill,
  load(0),
  jump(0x15, 1, 4, 0),
  jump(0x15, 2, 0, 4),
  load(24),
  statement(0x54, 0xff),
  jump(0x15, 3, 0, 1),
  allow,
  refuse(38),
];

const ask = (number: number, options: { arch?: number; arguments?: readonly bigint[] } = {}, filters = [filter]) =>
  seccompVerdict(filters, { number, arch: options.arch ?? x64, arguments: options.arguments ?? [] });

describe('seccompVerdict()', () => {
  it('runs the program on the number, the architecture and the arguments', () => {
    expect(ask(1)).toEqual({ action: 'allow' });
    expect(ask(7)).toEqual({ action: 'errno', errno: 38 });
    expect(ask(1, { arch: 0x4000_0003 })).toEqual({ action: 'kill' });
    expect(ask(2, { arguments: [0n, 0xff03n] })).toEqual({ action: 'allow' });
    expect(ask(2, { arguments: [0n, 0x04n] })).toEqual({ action: 'errno', errno: 38 });
  });

  it('reads the high half of an argument, and negative ones as 64 bits', () => {
    const high = [load(28), jump(0x15, 0xffff_ffff, 0, 1), refuse(1), allow];
    expect(ask(1, { arguments: [0n, -1n] }, [high])).toEqual({ action: 'errno', errno: 1 });
    expect(ask(1, { arguments: [0n, 1n] }, [high])).toEqual({ action: 'allow' });
  });

  it('takes the strictest answer of several filters', () => {
    expect(ask(1, {}, [[allow], [refuse(1)]])).toEqual({ action: 'errno', errno: 1 });
    expect(ask(1, {}, [[kill], [refuse(1)]])).toEqual({ action: 'kill' });
    expect(ask(1, {}, [])).toEqual({ action: 'allow' });
  });
});
