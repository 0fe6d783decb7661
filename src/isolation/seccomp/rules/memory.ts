import { anyOf, having, type Rule, without } from '../rule.ts';

const MAP_HUGETLB = 0x40000;
const MFD_HUGETLB = 0x4;
const SHM_HUGETLB = 0o4000;

/** Memory of the process and of its ipc namespace. */
export const memoryRules: readonly Rule[] = [
  {
    answer: 'allow',
    reason: 'mapping without MAP_HUGETLB: huge pages are one pool of the host that no control group of version 1 counts as memory',
    names: ['mmap'],
    when: [[without(3, MAP_HUGETLB)]],
  },
  { answer: 'ENOMEM', reason: 'as from a host whose pool of huge pages is empty', names: ['mmap'], when: [[having(3, MAP_HUGETLB)]] },
  {
    answer: 'allow',
    reason: 'memory of the process itself',
    names: ['munmap', 'mremap', 'mprotect', 'msync', 'brk', 'pkey_alloc', 'pkey_free', 'pkey_mprotect'],
  },
  {
    answer: 'allow',
    reason: 'hints of allocators (V8, glibc, Go, jemalloc, the JVM) about their own pages',
    names: ['madvise'],
    when: anyOf(2, {
      MADV_NORMAL: 0,
      MADV_RANDOM: 1,
      MADV_SEQUENTIAL: 2,
      MADV_WILLNEED: 3,
      MADV_DONTNEED: 4,
      MADV_FREE: 8,
      MADV_REMOVE: 9,
      MADV_DONTFORK: 10,
      MADV_DOFORK: 11,
      MADV_HUGEPAGE: 14,
      MADV_NOHUGEPAGE: 15,
      MADV_DONTDUMP: 16,
      MADV_DODUMP: 17,
      MADV_WIPEONFORK: 18,
      MADV_KEEPONFORK: 19,
      MADV_POPULATE_READ: 22,
      MADV_POPULATE_WRITE: 23,
      MADV_DONTNEED_LOCKED: 24,
      MADV_COLLAPSE: 25,
      MADV_GUARD_INSTALL: 102,
      MADV_GUARD_REMOVE: 103,
    }),
  },
  {
    answer: 'EINVAL',
    reason:
      "merging equal pages across processes (KSM) lets timing tell a neighbour's memory, page-out and cold hints reach the shared page cache, and poisoning is the machine's",
    names: ['madvise'],
    when: anyOf(2, { MADV_MERGEABLE: 12, MADV_UNMERGEABLE: 13, MADV_COLD: 20, MADV_PAGEOUT: 21, MADV_HWPOISON: 100, MADV_SOFT_OFFLINE: 101 }),
  },
  {
    answer: 'allow',
    reason: 'keeping secrets from swap, as cryptographic libraries do, within RLIMIT_MEMLOCK',
    names: ['mlock', 'mlock2', 'munlock', 'mlockall', 'munlockall'],
  },
  {
    answer: 'allow',
    reason: 'barriers among its own threads; the global kinds interrupt every processor, so those of neighbours too',
    names: ['membarrier'],
    when: anyOf(0, {
      QUERY: 0,
      PRIVATE_EXPEDITED: 8,
      REGISTER_PRIVATE_EXPEDITED: 16,
      PRIVATE_EXPEDITED_SYNC_CORE: 32,
      REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: 64,
      PRIVATE_EXPEDITED_RSEQ: 128,
      REGISTER_PRIVATE_EXPEDITED_RSEQ: 256,
      GET_REGISTRATIONS: 512,
    }),
  },
  { answer: 'allow', reason: 'files in memory, without huge pages', names: ['memfd_create'], when: [[without(1, MFD_HUGETLB)]] },
  { answer: 'EPERM', reason: 'memory that no administrator could look into', names: ['memfd_secret'] },
  {
    answer: 'allow',
    reason: 'System V shared memory of its own ipc namespace, without huge pages',
    names: ['shmget'],
    when: [[without(2, SHM_HUGETLB)]],
  },
  { answer: 'allow', reason: 'use of that shared memory', names: ['shmat', 'shmdt', 'shmctl'] },
  {
    answer: 'EPERM',
    reason: 'choice of memory nodes: a hint for the whole machine with a record of bugs; libnuma takes EPERM for a machine without nodes',
    names: ['get_mempolicy', 'set_mempolicy', 'mbind', 'set_mempolicy_home_node'],
  },
  { answer: 'EPERM', reason: 'pages of other processes', names: ['migrate_pages', 'move_pages', 'process_madvise', 'process_mrelease'] },
  { answer: 'EPERM', reason: 'what a neighbour has in the page cache', names: ['mincore', 'cachestat'] },
  { answer: 'EPERM', reason: 'page faults handled by programs make races in the kernel winnable', names: ['userfaultfd'] },
  { answer: 'ENOSYS', reason: 'an old form of mmap that the kernel only imitates', names: ['remap_file_pages'] },
  { answer: 'ENOSYS', reason: 'sealing mappings: libseccomp 2.5 cannot name it, and libc does without', names: ['mseal'] },
  { answer: 'ENOSYS', reason: 'shadow stacks are not built into the runtimes', names: ['map_shadow_stack'] },
];
