import { describe, expect, it } from 'vitest';
import { answerTo } from './answer-to.ts';
import type { ArgumentTest, Rule } from './rule.ts';
import { systemCallNumbers, systemCallTable } from './system-call-table.ts';

const every = [...new Set([...Object.keys(systemCallNumbers.x64), ...Object.keys(systemCallNumbers.arm64)])];
const rulesOf = (name: string) => systemCallTable.filter(({ names }) => names.includes(name));

describe('the system call table', () => {
  it('gives a reason for every rule', () => {
    for (const { reason, names } of systemCallTable) {
      expect(reason).toMatch(/[a-z]{4}/);
      expect(names.length).toBeGreaterThan(0);
    }
  });

  it.each(['x64', 'arm64'] as const)('accounts for every system call of %s', (architecture) => {
    expect(Object.keys(systemCallNumbers[architecture]).filter((name) => rulesOf(name).length === 0)).toEqual([]);
  });

  it('names nothing that no architecture has', () => {
    expect(systemCallTable.flatMap(({ names }) => names).filter((name) => !every.includes(name))).toEqual([]);
  });

  it('says one thing to one call: an unconditional rule stands alone, and conditions of different answers exclude each other', () => {
    for (const name of every) {
      const rules = rulesOf(name);
      if (rules.some(({ when }) => when === undefined)) expect(rules, name).toHaveLength(1);
      for (const [position, rule] of rules.entries()) {
        for (const other of rules.slice(position + 1)) if (other.answer !== rule.answer) expect(overlap(rule, other), name).toBe(false);
      }
    }
  });

  it('has conditions whose bits lie within 32 and under their mask', () => {
    for (const { names, when = [] } of systemCallTable) {
      for (const { index, mask, value } of when.flat()) {
        expect(index, names[0]).toBeLessThan(6);
        expect(mask).toBeGreaterThan(0);
        expect(mask).toBeLessThanOrEqual(0xffff_ffff);
        expect(Number(BigInt(value) & ~BigInt(mask)), names[0]).toBe(0);
      }
    }
  });

  it('says the same of a call on each architecture that has it: the two differ only by names that one of them lacks', () => {
    const onlyX64 = Object.keys(systemCallNumbers.x64).filter((name) => systemCallNumbers.arm64[name] === undefined);
    expect(Object.keys(systemCallNumbers.arm64).filter((name) => systemCallNumbers.x64[name] === undefined)).toEqual([]);
    // What arm64 lacks and x86-64 allows are older forms: their newer form is allowed on both.
    const newer: Readonly<Record<string, string>> = {
      access: 'faccessat',
      alarm: 'setitimer',
      arch_prctl: 'prctl',
      chmod: 'fchmodat',
      chown: 'fchownat',
      creat: 'openat',
      dup2: 'dup3',
      epoll_create: 'epoll_create1',
      epoll_wait: 'epoll_pwait',
      eventfd: 'eventfd2',
      fork: 'clone',
      futimesat: 'utimensat',
      getdents: 'getdents64',
      getpgrp: 'getpgid',
      inotify_init: 'inotify_init1',
      lchown: 'fchownat',
      link: 'linkat',
      lstat: 'newfstatat',
      mkdir: 'mkdirat',
      mknod: 'mknodat',
      open: 'openat',
      pause: 'rt_sigsuspend',
      pipe: 'pipe2',
      poll: 'ppoll',
      readlink: 'readlinkat',
      rename: 'renameat2',
      rmdir: 'unlinkat',
      select: 'pselect6',
      signalfd: 'signalfd4',
      stat: 'newfstatat',
      symlink: 'symlinkat',
      time: 'clock_gettime',
      unlink: 'unlinkat',
      utime: 'utimensat',
      utimes: 'utimensat',
      vfork: 'clone',
    };
    const allowed = onlyX64.filter((name) => rulesOf(name).some(({ answer }) => answer === 'allow'));
    expect(allowed.filter((name) => newer[name] === undefined)).toEqual([]);
    for (const name of allowed)
      expect(
        rulesOf(newer[name] as string).some(({ answer }) => answer === 'allow'),
        name,
      ).toBe(true);
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
    'kexec_load',
    'open_by_handle_at',
    'mincore',
    'cachestat',
    'inotify_add_watch',
    'sync',
    'vmsplice',
  ])('never allows %s', (name) => expect(rulesOf(name).some(({ answer }) => answer === 'allow')).toBe(false));
});

describe('answerTo()', () => {
  it.each([
    ['socket', [2n, 0x80801n, 6n], 'allow'],
    ['socket', [2n, 3n, 1n], 'EPERM'],
    ['socket', [17n, 3n, 0n], 'EAFNOSUPPORT'],
    ['socket', [40n, 1n, 0n], 'EAFNOSUPPORT'],
    ['socket', [16n, 3n, 0n], 'allow'],
    ['socket', [16n, 3n, 12n], 'ENOSYS'],
    ['socket', [2n, 1n, 262n], 'ENOSYS'],
    ['ioctl', [0n, 0x5401n], 'allow'],
    ['ioctl', [0n, 0x5412n], 'EPERM'],
    ['ioctl', [0n, 0xffff_ffff_0000_5412n], 'EPERM'],
    ['ioctl', [0n, 0xffff_ffff_802c_542an], 'allow'],
    ['ioctl', [0n, 0xc050_6617n], 'EPERM'],
    ['clone', [0x0100_0011n], 'allow'],
    ['clone', [0x1000_0011n], 'ENOSYS'],
    ['prctl', [35n], 'EPERM'],
    ['prctl', [(1n << 32n) + 35n], 'EPERM'],
    ['prctl', [47n, 2n], 'ENOSYS'],
    ['preadv2', [0n, 0n, 0n, 0n, 0n, 8n], 'ENOSYS'],
    ['preadv2', [0n, 0n, 0n, 0n, 0n, 2n], 'allow'],
    ['personality', [0xffff_ffff_ffff_ffffn], 'allow'],
    ['personality', [0x0004_0000n], 'ENOSYS'],
    ['mmap', [0n, 0n, 0n, 0x40022n], 'ENOMEM'],
    ['mknodat', [0n, 0n, 0o020644n], 'EPERM'],
    ['seccomp', [1n, 8n], 'ENOSYS'],
  ] as const)('%s%o is %s', (name, args, answer) => expect(answerTo(name, args)).toBe(answer));
});

/** Whether some call meets both rules: two alternatives exclude each other where a bit that both look at must differ. */
function overlap(one: Rule, other: Rule): boolean {
  const excludes = (first: ArgumentTest, second: ArgumentTest) =>
    first.index === second.index && (BigInt(first.value ^ second.value) & BigInt(first.mask) & BigInt(second.mask)) !== 0n;
  return (one.when ?? [[]]).some((left) =>
    (other.when ?? [[]]).some((right) => !left.some((first) => right.some((second) => excludes(first, second)))),
  );
}
