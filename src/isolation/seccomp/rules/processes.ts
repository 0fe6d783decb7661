import { equals, isNull, type Rule, without } from '../rule.ts';

// linux/sched.h: CLONE_NEWTIME|NEWNS|NEWCGROUP|NEWUTS|NEWIPC|NEWUSER|NEWPID|NEWNET
const namespaceFlags = 0x7e02_0080;

// asm-generic/resource.h
const RLIMIT_CORE = 4;
const settableLimits = Array.from({ length: 16 }, (_, limit) => limit).filter((limit) => limit !== RLIMIT_CORE);

/** Threads, processes, their signals and their identity. */
export const processRules: readonly Rule[] = [
  { answer: 'allow', reason: 'clone without any namespace flag', names: ['clone'], when: [[without(0, namespaceFlags)]] },
  { answer: 'ENOSYS', reason: 'its flags are in memory, where no filter sees them; libc and Go then use clone', names: ['clone3'] },
  { answer: 'EPERM', reason: 'namespaces and roots', names: ['unshare', 'setns', 'chroot', 'pivot_root'] },
  {
    answer: 'allow',
    reason: 'starting, ending and awaiting processes of the environment',
    names: ['fork', 'vfork', 'execve', 'execveat', 'exit', 'exit_group', 'wait4', 'waitid'],
  },
  {
    answer: 'allow',
    reason: 'ids of processes, groups and sessions, as its own namespace shows them',
    names: ['gettid', 'getpid', 'getppid', 'getpgid', 'getpgrp', 'setpgid', 'getsid', 'setsid', 'pidfd_open'],
  },
  {
    answer: 'allow',
    reason: 'what libc sets up for each thread',
    names: ['set_tid_address', 'set_robust_list', 'get_robust_list', 'rseq', 'restart_syscall'],
  },
  { answer: 'allow', reason: 'waiting on memory words', names: ['futex', 'futex_waitv', 'futex_wait', 'futex_wake', 'futex_requeue'] },
  {
    answer: 'allow',
    reason: 'signals to processes of its own namespace',
    names: ['kill', 'tkill', 'tgkill', 'pidfd_send_signal', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo'],
  },
  {
    answer: 'allow',
    reason: 'handling signals',
    names: ['rt_sigaction', 'rt_sigprocmask', 'rt_sigreturn', 'rt_sigpending', 'rt_sigtimedwait', 'rt_sigsuspend', 'sigaltstack', 'pause'],
  },
  {
    answer: 'EPERM',
    reason: 'reach into other processes, also those of the same environment',
    names: ['ptrace', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd', 'kcmp'],
  },
  {
    answer: 'allow',
    reason: 'reading its identity',
    names: ['getuid', 'geteuid', 'getgid', 'getegid', 'getgroups', 'getresuid', 'getresgid', 'capget'],
  },
  {
    answer: 'allow',
    reason: 'changing its identity where the kernel lets it: PID 1 becomes sbx_user1051 by these, and nobody else holds a capability for them',
    names: ['setuid', 'setgid', 'setreuid', 'setregid', 'setresuid', 'setresgid', 'setgroups', 'setfsuid', 'setfsgid', 'capset'],
  },
  {
    answer: 'allow',
    reason: 'limits and usage of its own processes',
    names: ['getrlimit', 'getrusage', 'getpriority', 'setpriority'],
  },
  {
    answer: 'allow',
    reason: 'setting limits, but for that of core dumps: it keeps the kernel from starting a program of the host when a process crashes',
    names: ['setrlimit'],
    when: settableLimits.map((limit) => [equals(0, limit)]),
  },
  {
    answer: 'allow',
    reason: 'the same, and reading any limit',
    names: ['prlimit64'],
    when: [...settableLimits.map((limit) => [equals(1, limit)]), [{ ...equals(1, RLIMIT_CORE), whole: true as const }, isNull(2)]],
  },
  { answer: 'EPERM', reason: 'the limit of core dumps', names: ['setrlimit'], when: [[equals(0, RLIMIT_CORE)]] },
  {
    answer: 'allow',
    reason: 'scheduling of its own threads: affinity and policy; real-time ones take a limit that is 0',
    names: [
      'sched_yield',
      'sched_getaffinity',
      'sched_setaffinity',
      'sched_getparam',
      'sched_setparam',
      'sched_getscheduler',
      'sched_setscheduler',
      'sched_get_priority_max',
      'sched_get_priority_min',
      'sched_rr_get_interval',
      'sched_getattr',
      'ioprio_get',
      'getcpu',
    ],
  },
  {
    answer: 'EPERM',
    reason: 'utilisation clamps raise the clock of a processor that neighbours share; classes of input and output order whole devices',
    names: ['sched_setattr', 'ioprio_set'],
  },
  { answer: 'ENOSYS', reason: 'more time before the scheduler takes the processor away', names: ['rseq_slice_yield'] },
];
