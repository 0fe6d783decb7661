import { anyOf, equals, type Rule, without } from '../rule.ts';

// linux/prctl.h
const options: readonly Rule[] = [
  {
    answer: 'allow',
    reason: 'name, death signal, timer slack, reaping and huge pages of its own threads',
    names: ['prctl'],
    when: anyOf(0, {
      PR_SET_PDEATHSIG: 1,
      PR_GET_PDEATHSIG: 2,
      PR_SET_NAME: 15,
      PR_GET_NAME: 16,
      PR_SET_TIMERSLACK: 29,
      PR_GET_TIMERSLACK: 30,
      PR_SET_CHILD_SUBREAPER: 36,
      PR_GET_CHILD_SUBREAPER: 37,
      PR_SET_THP_DISABLE: 41,
      PR_GET_THP_DISABLE: 42,
    }),
  },
  {
    answer: 'allow',
    reason: 'giving up power, and reading what is left: PID 1 empties the bounding set before it starts a process',
    names: ['prctl'],
    when: anyOf(0, {
      PR_GET_DUMPABLE: 3,
      PR_SET_DUMPABLE: 4,
      PR_GET_SECCOMP: 21,
      PR_CAPBSET_READ: 23,
      PR_CAPBSET_DROP: 24,
      PR_GET_SECUREBITS: 27,
      PR_SET_NO_NEW_PRIVS: 38,
      PR_GET_NO_NEW_PRIVS: 39,
      PR_GET_SPECULATION_CTRL: 52,
      PR_SET_MDWE: 65,
      PR_GET_MDWE: 66,
    }),
  },
  {
    answer: 'allow',
    reason: 'ambient capabilities: asking for and lowering them, never raising',
    names: ['prctl'],
    when: [1, 3, 4].map((operation) => [equals(0, 47), equals(1, operation)]),
  },
  { answer: 'allow', reason: 'names of mappings (V8, Go, glibc)', names: ['prctl'], when: [[equals(0, 0x53564d41), equals(1, 0)]] },
  { answer: 'allow', reason: 'its own auxiliary vector', names: ['prctl'], when: anyOf(0, { PR_GET_AUXV: 0x41555856 }) },
  {
    answer: 'allow',
    reason: 'vector lengths on arm64, which the JVM asks for; x86-64 answers EINVAL',
    names: ['prctl'],
    when: anyOf(0, { PR_SVE_SET_VL: 50, PR_SVE_GET_VL: 51, PR_SME_SET_VL: 63, PR_SME_GET_VL: 64 }),
  },
  {
    answer: 'EPERM',
    reason:
      'rewriting its memory map, naming a tracer, secure bits, unmerging mitigations, core scheduling, page merging, I/O flusher and error policies, dispatch and time-stamp traps: ' +
      'for debuggers, checkpointing and emulators',
    names: ['prctl'],
    when: anyOf(0, {
      PR_SET_KEEPCAPS: 8,
      PR_SET_SECCOMP: 22,
      PR_SET_TSC: 26,
      PR_SET_SECUREBITS: 28,
      PR_TASK_PERF_EVENTS_DISABLE: 31,
      PR_TASK_PERF_EVENTS_ENABLE: 32,
      PR_MCE_KILL: 33,
      PR_SET_MM: 35,
      PR_GET_TID_ADDRESS: 40,
      PR_SET_SPECULATION_CTRL: 53,
      PR_SET_IO_FLUSHER: 57,
      PR_SET_SYSCALL_USER_DISPATCH: 59,
      PR_SCHED_CORE: 62,
      PR_SET_MEMORY_MERGE: 67,
      PR_TIMER_CREATE_RESTORE_IDS: 77,
      PR_FUTEX_HASH: 78,
      PR_RSEQ_SLICE_EXTENSION: 79,
      PR_SET_PTRACER: 0x59616d61,
    }),
  },
];

/** What a process may set about itself, and how far it may wall itself in. */
export const processPropertyRules: readonly Rule[] = [
  ...options,
  {
    answer: 'allow',
    reason: 'thread pointers, and the state of wide registers (AMX) that numeric libraries ask for; no faulting cpuid, no shadow stacks',
    names: ['arch_prctl'],
    when: anyOf(0, {
      ARCH_SET_GS: 0x1001,
      ARCH_SET_FS: 0x1002,
      ARCH_GET_FS: 0x1003,
      ARCH_GET_GS: 0x1004,
      ARCH_GET_XCOMP_SUPP: 0x1021,
      ARCH_GET_XCOMP_PERM: 0x1022,
      ARCH_REQ_XCOMP_PERM: 0x1023,
    }),
  },
  {
    answer: 'allow',
    reason: 'the execution domain may be read or set to what it is: no ADDR_NO_RANDOMIZE, no other personality',
    names: ['personality'],
    when: anyOf(0, { PER_LINUX: 0, query: 0xffff_ffff }),
  },
  {
    answer: 'allow',
    reason: 'a function may wall itself in further: strict mode, a filter, and asking what actions exist',
    names: ['seccomp'],
    // No SECCOMP_FILTER_FLAG_LOG (2), which writes to the log of the host, and no NEW_LISTENER (8), whose reader answers for other processes.
    when: [[equals(0, 0)], [equals(0, 1), without(1, ~0x15 >>> 0)], [equals(0, 2)]],
  },
  {
    answer: 'allow',
    reason: 'Landlock: a function may give up files and ports',
    names: ['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self'],
  },
  {
    answer: 'ENOSYS',
    reason: 'attributes of security modules, which there are none to set in here',
    names: ['lsm_get_self_attr', 'lsm_set_self_attr', 'lsm_list_modules'],
  },
];
