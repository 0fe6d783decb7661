import { closeSync, openSync } from 'node:fs';
import { systemCall } from './libc.ts';

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWNET = 0x40000000;
const unshareCall = systemCall('int unshare(int flags)');
const setnsCall = systemCall('int setns(int fd, int type)');

/**
 * Runs `work` with this thread inside the mount namespace `fd`, then comes back.
 * SECURITY: `work` must be synchronous; anything awaited would run on other threads, which stay in the agent's namespace.
 */
export function inMountNamespace<T>(fd: number, work: () => T): T {
  // setns(2) refuses a mount namespace to a thread that shares its root and working directory with others, as each new thread does with the one that made it.
  unshareCall(undefined, CLONE_FS);
  const home = openSync('/proc/thread-self/ns/mnt', 'r');
  try {
    setnsCall('mount namespace', fd, CLONE_NEWNS);
    try {
      return work();
    } finally {
      setnsCall('mount namespace', home, CLONE_NEWNS);
      process.chdir('/');
    }
  } finally {
    closeSync(home);
  }
}

/** Runs `work` with this thread inside the network namespace `fd`. Synchronous only. */
export function inNetworkNamespace<T>(fd: number, work: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    setnsCall('network namespace', fd, CLONE_NEWNET);
    try {
      return work();
    } finally {
      setnsCall('network namespace', home, CLONE_NEWNET);
    }
  } finally {
    closeSync(home);
  }
}

/** Makes a network namespace, runs `work` inside it and answers a descriptor of it: the namespace lives as long as that or a process in it. Synchronous only. */
export function makeNetworkNamespace<T>(work: () => T): { readonly namespace: number; readonly result: T } {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    unshareCall('network namespace', CLONE_NEWNET);
    try {
      const result = work();
      return { namespace: openSync('/proc/thread-self/ns/net', 'r'), result };
    } finally {
      setnsCall('network namespace', home, CLONE_NEWNET);
    }
  } finally {
    closeSync(home);
  }
}
