import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OciRuntime } from '../drivers/oci/oci-runtime.ts';
import { CloisterError } from '../errors.ts';
import type { Cgroup } from '../isolation/cgroup/cgroup.ts';
import { AttachedMounts } from '../isolation/rootfs/attached-mounts.ts';
import { makeDeviceDirectory } from '../isolation/rootfs/device-directory.ts';
import { hidePaths, makeCover } from '../isolation/rootfs/hidden-paths.ts';
import { seccompConfiguration } from '../isolation/seccomp/oci-seccomp.ts';
import { makePassableDirectory } from '../linux/passable-directory.ts';
import { killIfStill } from '../linux/process-handle.ts';
import { reapChild } from '../linux/reap-child.ts';

export interface BoundPath {
  readonly source: string;
  readonly target: string;
  readonly writable?: boolean;
}

export interface ConfinedProcessOptions {
  readonly id: string;
  /** A directory of this process's own in the run directory, made here and removed by end(). */
  readonly directory: string;
  readonly user: UserIds;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly binds: readonly BoundPath[];
  /** Size of a tmpfs at /build, if any. */
  readonly scratchMiB?: number;
  readonly hostNetwork: boolean;
  readonly limits: Readonly<Record<string, number>>;
  readonly descriptors: readonly number[];
  /** An open file of its own that takes standard output and error. */
  readonly output: number;
  readonly cgroup: Cgroup;
  readonly memoryMiB: number;
  readonly maxProcesses: number;
  /** Who goes first when the host runs out of memory (proc(5), oom_score_adj). @default the agent's own */
  readonly outOfMemoryScore?: number;
  /** Memory that v2 keeps for it, together with a weight that lets it answer while environments spin. @default none */
  readonly protectedMemoryMiB?: number;
  readonly ociRuntime: OciRuntime;
}

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** A process of ours that reads strangers' bytes, so it gets no power at all: the daemon and the builder, behind the same walls as an environment. */
export class ConfinedProcess {
  readonly pid: number;
  readonly #undo: AsyncDisposableStack;

  private constructor(pid: number, undo: AsyncDisposableStack) {
    this.pid = pid;
    this.#undo = undo;
  }

  static async start(options: ConfinedProcessOptions): Promise<ConfinedProcess> {
    await using undo = new AsyncDisposableStack();
    const { directory, cgroup, id, ociRuntime } = options;
    makePassableDirectory(join(directory, 'root'));
    undo.defer(() => rmSync(directory, { recursive: true, force: true }));
    undo.defer(() => cgroup.remove());
    cgroup.create({ memorySizeMiB: options.memoryMiB, maxProcesses: options.maxProcesses });
    if (options.protectedMemoryMiB !== undefined) cgroup.protect(options.protectedMemoryMiB);
    using mounts = new AttachedMounts(directory);
    const devices = mounts.attach('dev', makeDeviceDirectory(options.user.uid));
    const cover = mounts.attach('hidden', makeCover(options.user.uid));
    writeFileSync(join(directory, 'config.json'), specification(options, devices), { mode: 0o600 });
    undo.defer(() => ociRuntime.forget(id));
    let pid = 0;
    undo.defer(() => cgroup.kill().then(() => (pid === 0 ? undefined : reapChild(pid))));
    pid = await ociRuntime.create(id, directory, { descriptors: options.descriptors, output: options.output, groupEntrances: cgroup.entrances });
    try {
      // SECURITY: not one instruction of it runs outside its control group.
      cgroup.attach(pid);
      hidePaths(pid, cover);
    } catch (error) {
      killIfStill(pid, () => true);
      throw error;
    }
    await ociRuntime.start(id);
    return new ConfinedProcess(pid, undo.move());
  }

  /** Kills it if it still runs and removes everything it had. */
  async end(): Promise<void> {
    await this.#undo.disposeAsync();
  }
}

/** No user namespace: the user exists on the host and owns the files it is given. No capability in any set, so every thread is clean from its first instruction. */
function specification(options: ConfinedProcessOptions, devices: string): string {
  const none: readonly string[] = [];
  const scratch =
    options.scratchMiB === undefined
      ? []
      : [
          {
            destination: '/build',
            type: 'tmpfs',
            source: 'tmpfs',
            options: ['nosuid', 'nodev', 'noexec', 'mode=1777', `size=${options.scratchMiB}m`],
          },
        ];
  const { annotations, seccomp } = seccompConfiguration(process.arch);
  return JSON.stringify({
    ociVersion: '1.0.2',
    annotations,
    hostname: 'cloister',
    root: { path: join(options.directory, 'root'), readonly: true },
    process: {
      terminal: false,
      user: options.user,
      args: options.args,
      env: Object.entries(options.environment).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      noNewPrivileges: true,
      capabilities: { bounding: none, effective: none, permitted: none, inheritable: none, ambient: none },
      rlimits: Object.entries(options.limits).map(([type, value]) => ({ type, soft: value, hard: value })),
      ...(options.outOfMemoryScore === undefined ? {} : { oomScoreAdj: options.outOfMemoryScore }),
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'bind', source: devices, options: ['bind', 'ro', 'nosuid', 'noexec', 'private'] },
      ...scratch,
      ...options.binds.map(({ source, target, writable = false }) => ({
        destination: target,
        type: 'bind',
        source,
        options: ['bind', 'private', 'nosuid', 'nodev', writable ? 'rw' : 'ro'],
      })),
    ],
    linux: {
      ...options.cgroup.oci,
      namespaces: [
        { type: 'pid' },
        { type: 'mount' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'cgroup' },
        ...(options.hostNetwork ? [] : [{ type: 'network' }]),
      ],
      rootfsPropagation: 'private',
      seccomp,
    },
  });
}

/** The ids of a user of this host. Throws HostUnfit with the mend when there is none. */
export function findUser(name: string): UserIds {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new CloisterError('HostUnfit', `the user ${name} does not exist: run "cloister doctor --fix"`, { operation: 'find user' });
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** The nearest directory at or above `from` that holds `name`. */
export function findUpwards(from: string, name: string): string {
  for (let directory = from; ; directory = dirname(directory)) {
    if (existsSync(join(directory, name))) return directory;
    if (directory === dirname(directory)) throw new CloisterError('HostUnfit', `${name} was not found`, { operation: 'find files', path: from });
  }
}
