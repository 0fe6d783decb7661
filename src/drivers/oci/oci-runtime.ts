import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupMode } from '../../isolation/cgroup/cgroup.ts';
import { runCommand } from '../../linux/run-command.ts';
import { spawnWithDescriptors } from '../../linux/spawn-with-descriptors.ts';

export interface OciRuntime {
  readonly name: 'crun' | 'runc';
  /** Makes the environment from `<bundle>/config.json`; its process waits. Answers its pid on the host. */
  create(id: string, bundle: string, options: CreateOptions): Promise<number>;
  /** Lets the process begin. */
  start(id: string): Promise<void>;
  /** Forgets the environment; its processes must be gone. */
  forget(id: string): Promise<void>;
}

export interface CreateOptions {
  /** They become 3, 4, 5 … of the process. */
  readonly descriptors: readonly number[];
  /** Becomes 1 and 2 of the process. */
  readonly output?: number;
  /** Of the control groups it is made in: see Cgroup. */
  readonly groupEntrances: readonly string[];
  /** The time namespace it is made in; neither OCI runtime enters one by itself (crun 1.8 fails, runc 1.1 has no such field). @default the agent's */
  readonly timeNamespacePath?: string | undefined;
}

/** crun. On v1 and hybrid hosts it leaves control groups to this project; on v2 it enters the group it is given and attaches the program for devices. */
export class Crun implements OciRuntime {
  readonly name = 'crun';
  readonly #stateRoot: string;
  readonly #cgroupManager: 'cgroupfs' | 'disabled';

  constructor(stateRoot: string, mode: CgroupMode) {
    this.#cgroupManager = mode === 'v2' ? 'cgroupfs' : 'disabled';
    this.#stateRoot = stateRoot;
    mkdirSync(stateRoot, { recursive: true, mode: 0o700 });
  }

  async create(id: string, bundle: string, options: CreateOptions): Promise<number> {
    const pidFile = join(bundle, 'pid');
    const global = [`--cgroup-manager=${this.#cgroupManager}`, '--root', this.#stateRoot];
    const files = ['--bundle', bundle, '--pid-file', pidFile, `--preserve-fds=${options.descriptors.length}`];
    await createIn(options, ['crun', ...global, 'create', ...files, id]);
    return Number(readFileSync(pidFile, 'utf8'));
  }

  async start(id: string): Promise<void> {
    try {
      // What `crun start` does, without a process: the waiting side reads one byte from its fifo.
      const fifo = openSync(join(this.#stateRoot, id, 'exec.fifo'), constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(fifo, '0');
      closeSync(fifo);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
      // Nobody reads yet: crun itself knows how to wait.
      await runCommand('crun', ['--root', this.#stateRoot, 'start', id]);
    }
  }

  async forget(id: string): Promise<void> {
    rmSync(join(this.#stateRoot, id), { recursive: true, force: true });
  }
}

/** runc, where crun is missing. On v1 and hybrid hosts it makes a control group of its own beside ours, from which the process is moved at once. */
export class Runc implements OciRuntime {
  readonly name = 'runc';
  readonly #stateRoot: string;

  constructor(stateRoot: string) {
    this.#stateRoot = stateRoot;
    mkdirSync(stateRoot, { recursive: true, mode: 0o700 });
  }

  async create(id: string, bundle: string, options: CreateOptions): Promise<number> {
    const pidFile = join(bundle, 'pid');
    const files = ['--bundle', bundle, '--pid-file', pidFile, `--preserve-fds=${options.descriptors.length}`];
    await createIn(options, ['runc', '--root', this.#stateRoot, 'create', ...files, id]);
    return Number(readFileSync(pidFile, 'utf8'));
  }

  async start(id: string): Promise<void> {
    await runCommand('runc', ['--root', this.#stateRoot, 'start', id]);
  }

  async forget(id: string): Promise<void> {
    await runCommand('runc', ['--root', this.#stateRoot, 'delete', '--force', id]);
  }
}

/** Enters as many groups as its first argument says, then becomes the rest. */
const enterGroups = 'count=$1; shift; while [ "$count" -gt 0 ]; do echo 0 > "$1" || exit 1; shift; count=$((count - 1)); done; exec "$@"';

/**
 * sh(1) and nsenter(1) become the OCI runtime, so that all it starts is in the control groups and the time namespace.
 * ORDER: the groups before the cgroup namespace is made: its root is where its maker was (cgroup_namespaces(7)).
 */
async function createIn({ groupEntrances, timeNamespacePath, descriptors, output }: CreateOptions, command: readonly string[]): Promise<void> {
  const entered = timeNamespacePath === undefined ? command : ['nsenter', `--time=${timeNamespacePath}`, '--', ...command];
  const whole = groupEntrances.length === 0 ? entered : ['sh', '-c', enterGroups, 'sh', String(groupEntrances.length), ...groupEntrances, ...entered];
  const [file = '', ...args] = whole;
  await spawnWithDescriptors(file, args, descriptors, output);
}

/** Where an OCI runtime keeps its state: also an argument by which its processes are found. */
export function ociStateRoot(runDirectory: string): string {
  return join(runDirectory, 'oci');
}

/** Paths of the OCI runtimes that are installed, and of what becomes one. */
export function ociPrograms(): string[] {
  const directories = (process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin').split(':');
  return ['crun', 'runc', 'nsenter'].flatMap((name) => directories.map((directory) => join(directory, name)).find((path) => existsSync(path)) ?? []);
}

/** crun if it is there, else runc, else undefined. */
export async function findOciRuntime(stateRoot: string, mode: CgroupMode): Promise<OciRuntime | undefined> {
  for (const make of [() => new Crun(stateRoot, mode), () => new Runc(stateRoot)]) {
    const runtime = make();
    try {
      await runCommand(runtime.name, ['--version']);
      return runtime;
    } catch {}
  }
  return undefined;
}
