import { describe, expect, it } from 'vitest';
import { ociSeccomp, seccompConfiguration } from './oci-seccomp.ts';
import { systemCallNumbers } from './system-call-table.ts';

const architectures = [
  ['x64', 'SCMP_ARCH_X86_64'],
  ['arm64', 'SCMP_ARCH_AARCH64'],
] as const;

describe('ociSeccomp()', () => {
  it('answers ENOSYS to what no rule allows, and the errno of the rule to what one refuses', () => {
    const profile = ociSeccomp('x64');
    expect(profile).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38 });
    expect(profile.syscalls.find(({ names }) => names.includes('mount'))).toMatchObject({ action: 'SCMP_ACT_ERRNO', errnoRet: 1 });
    expect(profile.syscalls.find(({ names }) => names.includes('splice'))).toMatchObject({ action: 'SCMP_ACT_ERRNO', errnoRet: 22 });
    expect(profile.syscalls.some(({ errnoRet }) => errnoRet === profile.defaultErrnoRet)).toBe(false);
  });

  it.each(architectures)('names only the architecture %s and its system calls', (architecture, name) => {
    const profile = ociSeccomp(architecture);
    expect(profile.architectures).toEqual([name]);
    expect(profile.syscalls.flatMap(({ names }) => names).filter((one) => systemCallNumbers[architecture][one] === undefined)).toEqual([]);
  });

  it('turns a masked test into the form of the runtime specification', () => {
    const clone = ociSeccomp('x64').syscalls.find(({ names }) => names.includes('clone'));
    expect(clone?.args).toEqual([{ index: 0, value: 0x7e020080, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]);
  });
});

describe('seccompConfiguration()', () => {
  it('is the same filter for every environment', () => expect(seccompConfiguration('x64')).toBe(seccompConfiguration('x64')));

  it('refuses an architecture without a table', () => expect(() => seccompConfiguration('riscv64')).toThrow(/no table/));
});
