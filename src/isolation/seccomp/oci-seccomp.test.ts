import { describe, expect, it } from 'vitest';
import { ociSeccomp } from './oci-seccomp.ts';
import { allowTable, denyTable } from './table.ts';

const allowed = new Set(allowTable.flatMap(({ names }) => names));
const denied = new Set(denyTable.flatMap(({ names }) => names));

describe('the system call tables', () => {
  it('give a reason for every entry', () => {
    for (const { reason, names } of [...allowTable, ...denyTable]) {
      expect(reason).toMatch(/[a-z]{4}/);
      expect(names.length).toBeGreaterThan(0);
    }
  });

  it('name no call as both allowed and denied, nor twice without a condition', () => {
    expect([...allowed].filter((name) => denied.has(name))).toEqual([]);
    const unconditional = allowTable.filter(({ when }) => when === undefined).flatMap(({ names }) => names);
    expect(unconditional).toHaveLength(new Set(unconditional).size);
    for (const { names, when } of allowTable) if (when !== undefined) expect(names.filter((name) => unconditional.includes(name))).toEqual([]);
  });

  it.each([
    'clone3',
    'io_uring_setup',
    'bpf',
    'mount',
    'unshare',
    'setns',
    'ptrace',
    'keyctl',
    'userfaultfd',
    'perf_event_open',
    'init_module',
    'open_by_handle_at',
    'mincore',
    'cachestat',
  ])('do not allow %s', (name) => expect(allowed.has(name)).toBe(false));

  it.each(['socket', 'clone', 'ioctl', 'personality', 'preadv2'])('allow %s only with a condition', (name) => {
    const entries = allowTable.filter(({ names }) => names.includes(name));
    expect(entries.length).toBeGreaterThan(0);
    for (const { when } of entries) expect(when?.length).toBeGreaterThan(0);
  });
});

describe('ociSeccomp()', () => {
  it('answers ENOSYS to what is in no table and EPERM to what is forbidden by name', () => {
    const profile = ociSeccomp('x64');
    expect(profile).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38 });
    expect(profile.syscalls.find(({ names }) => names.includes('mount'))).toMatchObject({ action: 'SCMP_ACT_ERRNO', errnoRet: 1 });
  });

  it.each([
    ['x64', 'SCMP_ARCH_X86_64'],
    ['arm64', 'SCMP_ARCH_AARCH64'],
  ] as const)('names only the architecture of %s', (architecture, name) => expect(ociSeccomp(architecture).architectures).toEqual([name]));

  it('turns a masked test into the form of the runtime specification', () => {
    const clone = ociSeccomp('x64').syscalls.find(({ names }) => names.includes('clone'));
    expect(clone?.args).toEqual([{ index: 0, value: 0x7e020080, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]);
  });
});
