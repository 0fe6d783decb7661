/**
 * One test of an argument: its bits under `mask` equal `value`. Masks end at bit 31 on purpose: the kernel cuts numbers and flags to 32 bits before it
 * looks at them, so what stands above can neither smuggle a refused value past the filter nor make it refuse an allowed one.
 */
export interface ArgumentTest {
  readonly index: number;
  readonly value: number;
  readonly mask: number;
  /** The upper half must be 0 as well: for pointers, and on 64-bit entry points only. */
  readonly whole?: true;
}

/** Each alternative is a list of tests that must all hold. */
export type Alternatives = readonly (readonly ArgumentTest[])[];

/** `ENOSYS` is what a call answers that no rule allows: the call does not exist. */
export type Answer = 'allow' | 'EPERM' | 'EINVAL' | 'ENOSYS' | 'ENOMEM' | 'ENOSPC' | 'EAFNOSUPPORT' | 'EOPNOTSUPP';

/** What some system calls answer and why. A call whose arguments meet no `when` of its rules answers ENOSYS. */
export interface Rule {
  readonly answer: Answer;
  readonly reason: string;
  readonly names: readonly string[];
  readonly when?: Alternatives;
}

/** The 32-bit argument is this value. */
export function equals(index: number, value: number): ArgumentTest {
  return { index, value, mask: 0xffff_ffff };
}

/** The 32-bit argument is one of these; the names are for the reader. */
export function anyOf(index: number, values: Readonly<Record<string, number>>): Alternatives {
  return Object.values(values).map((value) => [equals(index, value)]);
}

/** The pointer is null. */
export function isNull(index: number): ArgumentTest {
  return { index, value: 0, mask: 0xffff_ffff, whole: true };
}

/** None of these bits is set. */
export function without(index: number, bits: number): ArgumentTest {
  return { index, value: 0, mask: bits };
}

/** All of these bits are set. */
export function having(index: number, bits: number): ArgumentTest {
  return { index, value: bits, mask: bits };
}
