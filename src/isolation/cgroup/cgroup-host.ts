import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../../errors.ts';
import { readKernelFile, writeKernelFile } from '../../linux/kernel-file.ts';
import { mount, mountFlags, unmount } from '../../linux/mount.ts';
import type { Cgroup, CgroupMode } from './cgroup.ts';
import { V1Cgroup, type V1Controller, type V1Roots, v1Controllers } from './v1-cgroup.ts';
import { V2Cgroup } from './v2-cgroup.ts';

const mountRoot = '/sys/fs/cgroup';
export const v2Controllers = ['cpu', 'memory', 'pids', 'io'] as const;

const agentGroup = 'agent';
/** See #keepFreezerReady: nobody is ever in it. */
const frozenGroup = 'frozen';
/** In a parent group of their own, beside that of the environments. */
const serviceGroups: ReadonlySet<string> = new Set([agentGroup, 'daemon', frozenGroup]);
/** What v2 keeps for the agent, and for the daemon, whoever else wants memory. */
export const agentMemoryMiB = 256;
export const daemonMemoryMiB = 512;

/** Files of a group's block throttle; `root` is the controller's root where kernel threads write outside the group (v1). */
export interface BlockFiles {
  readonly directory: string;
  readonly root: string | undefined;
  /** Counts all devices, over the group and those in it. */
  readonly counters: string;
}

/**
 * Where this host's control groups are, and the groups of one instance in them: `cloister-<instance>/<name>`, and `cloister-<instance>-service/<name>`
 * for the agent and the daemon. A weight within a group is worth no more than the group's own: in one parent with those who serve, environments
 * that spin would either share its weight with them, or take the turns of every other process of the host.
 */
export class CgroupHost {
  readonly mode: CgroupMode;
  readonly parent: string;
  readonly #serviceParent: string;
  readonly #v1: V1Roots | undefined;
  /** /proc/self/cgroup as it was before `enter`. */
  #home: string | undefined;

  private constructor(mode: CgroupMode, parent: string, v1: V1Roots | undefined) {
    this.mode = mode;
    this.parent = parent;
    this.#serviceParent = serviceParentOf(parent);
    this.#v1 = v1;
  }

  /**
   * Call once, in the agent's private mount namespace. On a v1 or hybrid host it binds each controller under `directory` and leaves only cgroup2 at
   * /sys/fs/cgroup: crun refuses a host where v1 controllers stand beside it.
   */
  static open(options: { readonly instance: string; readonly directory: string; readonly mountInfo?: string }): CgroupHost {
    const parent = `cloister-${options.instance}`;
    const { mode, v1Mounts } = detectCgroups(options.mountInfo ?? readKernelFile('/proc/self/mountinfo'));
    if (mode === 'v2') {
      prepareV2(parent);
      return new CgroupHost(mode, parent, undefined);
    }
    const roots = bindV1Controllers(v1Mounts, options.directory);
    unmount(mountRoot);
    // Lazily unmounted mounts may stack: what lies beneath must not be a v1 hierarchy either.
    mount({ source: 'cgroup2', target: mountRoot, type: 'cgroup2', flags: mountFlags.noSetuid | mountFlags.noDevices | mountFlags.noExec });
    return new CgroupHost(mode, parent, roots);
  }

  group(name: string): Cgroup {
    return this.#at(join(serviceGroups.has(name) ? this.#serviceParent : this.parent, name));
  }

  #at(path: string): Cgroup {
    return this.#v1 === undefined ? new V2Cgroup(mountRoot, path) : new V1Cgroup(this.#v1, path);
  }

  /** @default the instance's parent group */
  blockFiles(name = ''): BlockFiles {
    const root = this.#v1?.blkio;
    const directory = join(root ?? mountRoot, this.parent, name);
    return { directory, root, counters: join(directory, root === undefined ? 'io.stat' : 'blkio.throttle.io_service_bytes_recursive') };
  }

  /** Names of this instance's groups that exist now, under whichever controller. */
  groupNames(): string[] {
    const roots = this.#v1 === undefined ? [mountRoot] : [...new Set(Object.values(this.#v1))];
    const names = roots
      .flatMap((root) => [join(root, this.parent), join(root, this.#serviceParent)])
      .flatMap((parent) => {
        if (!existsSync(parent)) return [];
        return readdirSync(parent, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
      });
    return [...new Set(names)];
  }

  /**
   * Puts the calling process, the agent, into a protected group of its own until close(); what it starts stays there until it is attached elsewhere.
   * ORDER: after the reaper, which ends whatever is in a group of this instance.
   */
  enter(): void {
    this.#home = readKernelFile('/proc/self/cgroup');
    const group = this.group(agentGroup);
    group.create();
    // A guarantee, too, is worth no more than the parent's.
    this.#at(this.#serviceParent).protect(agentMemoryMiB + daemonMemoryMiB);
    group.protect(agentMemoryMiB);
    group.attach(process.pid);
    this.#keepFreezerReady();
  }

  /** Leads the agent back to where it came from. Removes the instance's own groups, when every environment's is gone, and the binds of open(). */
  async close(): Promise<void> {
    if (this.#home !== undefined) this.#leave(this.#home);
    await this.group(agentGroup).remove();
    await this.group(frozenGroup).remove();
    await this.#at(this.#serviceParent).remove();
    await this.#at(this.parent).remove();
    for (const root of Object.values(this.#v1 ?? {})) unmount(root);
  }

  /**
   * Linux rewrites its own code on every processor when the first v1 group of the host is frozen, and again when the last is thawed
   * (kernel/cgroup/legacy_freezer.c, freezer_active): 0.1 ms each time, on the way of an invocation. As long as an empty group is frozen neither happens.
   */
  #keepFreezerReady(): void {
    if (this.#v1 === undefined) return;
    const directory = join(this.#v1.freezer, this.#serviceParent, frozenGroup);
    mkdirSync(directory, { recursive: true });
    writeKernelFile(join(directory, 'freezer.state'), 'FROZEN');
  }

  #leave(home: string): void {
    const roots: Readonly<Record<string, string>> = this.#v1 ?? { '': mountRoot };
    for (const [controller, root] of Object.entries(roots)) {
      const directory = join(root, homeOf(home, controller));
      writeKernelFile(join(existsSync(directory) ? directory : root, 'cgroup.procs'), process.pid);
    }
    this.#home = undefined;
  }
}

/** Where a text of /proc/<pid>/cgroup (cgroups(7)) puts the process under a v1 controller or, for '', in the v2 hierarchy. @default the root */
export function homeOf(text: string, controller: string): string {
  for (const line of text.split('\n')) {
    const [, controllers = '', ...path] = line.split(':');
    if (controllers.split(',').includes(controller)) return path.join(':');
  }
  return '/';
}

/** Reads the cgroup mounts of a mountinfo text (proc(5)): which version the host has and where each v1 controller is. */
export function detectCgroups(mountInfo: string): { readonly mode: CgroupMode; readonly v1Mounts: ReadonlyMap<string, string> } {
  const v1Mounts = new Map<string, string>();
  let unified = false;
  for (const line of mountInfo.split('\n')) {
    const [before, after] = line.split(' - ');
    if (before === undefined || after === undefined) continue;
    const target = before.split(' ')[4] ?? '';
    const [type, , superOptions = ''] = after.split(' ');
    if (type === 'cgroup2') unified = true;
    if (type !== 'cgroup') continue;
    for (const option of superOptions.split(',')) if (!v1Mounts.has(option)) v1Mounts.set(option, target);
  }
  const hasV1Memory = v1Mounts.has('memory');
  if (!hasV1Memory && unified) return { mode: 'v2', v1Mounts };
  if (!hasV1Memory) throw new CloisterError('HostUnfit', 'no cgroup memory controller is mounted', { operation: 'detect cgroups' });
  return { mode: unified ? 'hybrid' : 'v1', v1Mounts };
}

function bindV1Controllers(v1Mounts: ReadonlyMap<string, string>, directory: string): V1Roots {
  const roots: Partial<Record<V1Controller, string>> = {};
  for (const controller of v1Controllers) {
    const source = v1Mounts.get(controller);
    if (source === undefined) {
      throw new CloisterError('HostUnfit', `the cgroup controller ${controller} is not mounted`, { operation: 'bind cgroups' });
    }
    const target = join(directory, controller);
    mkdirSync(target, { recursive: true });
    mount({ source, target, flags: mountFlags.bind });
    roots[controller] = target;
  }
  return roots as V1Roots;
}

function serviceParentOf(parent: string): string {
  return `${parent}-service`;
}

function prepareV2(parent: string): void {
  const available = readKernelFile(join(mountRoot, 'cgroup.controllers')).split(' ');
  const missing = v2Controllers.filter((controller) => !available.includes(controller));
  if (missing.length > 0) {
    throw new CloisterError('HostUnfit', `the kernel offers no cgroup controller ${missing.join(', ')}`, { operation: 'prepare cgroups' });
  }
  const enable = v2Controllers.map((controller) => `+${controller}`).join(' ');
  writeKernelFile(join(mountRoot, 'cgroup.subtree_control'), enable);
  for (const group of [parent, serviceParentOf(parent)]) {
    mkdirSync(join(mountRoot, group), { recursive: true });
    writeKernelFile(join(mountRoot, group, 'cgroup.subtree_control'), enable);
  }
}
