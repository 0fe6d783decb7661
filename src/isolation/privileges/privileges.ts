/** One resource limit as an OCI runtime takes it (runtime-spec, config.md#posix-process). */
export interface ResourceLimit {
  readonly type: string;
  readonly soft: number | bigint;
  readonly hard: number | bigint;
}

/** RLIM_INFINITY. */
export const unlimited = 18_446_744_073_709_551_615n;

/**
 * What PID 1 of an environment holds, over the environment's own user namespace: it becomes sbx_user1051 for each process it starts, and may end them.
 * It empties every set, the bounding one included, before their exec (src/guest/init.c), so that no process of a function ever has one.
 */
export const initCapabilities = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP', 'CAP_KILL'] as const;

/**
 * Lambda's limits of files, processes and stack, and what an environment would else inherit from whoever started the agent. Only ever below the kernel's
 * defaults: raising one takes a capability over the host. `corePattern` is the host's kernel.core_pattern.
 */
export function resourceLimits({ corePattern }: { readonly corePattern: string }): readonly ResourceLimit[] {
  // SECURITY: a program that the host pipes core dumps to runs as its root on what a function wrote, and a limit of 0 does not stop the kernel from starting
  // it: 1 does (fs/coredump.c). The filter of system calls keeps a function from changing this limit.
  const coreBytes = corePattern.startsWith('|') ? 1 : 0;
  return [
    same('RLIMIT_CORE', coreBytes),
    same('RLIMIT_NOFILE', 1024),
    same('RLIMIT_NPROC', 1024),
    { type: 'RLIMIT_STACK', soft: 8 * 1024 * 1024, hard: unlimited },
    same('RLIMIT_MEMLOCK', 64 * 1024),
    same('RLIMIT_SIGPENDING', 1024),
    same('RLIMIT_MSGQUEUE', 800 * 1024),
    same('RLIMIT_NICE', 0),
    same('RLIMIT_RTPRIO', 0),
  ];
}

function same(type: string, value: number): ResourceLimit {
  return { type, soft: value, hard: value };
}
