import { fchownSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner, ProcessToStart } from '../../agent/messages.ts';
import { CloisterError } from '../../errors.ts';
import { memoryPerVcpuMiB } from '../../functions/memory-per-vcpu.ts';
import { type Cgroup, cpuQuotaUs } from '../../isolation/cgroup/cgroup.ts';
import { waitUntil } from '../../isolation/cgroup/wait-until.ts';
import type { EgressPolicy } from '../../isolation/network/egress-policy.ts';
import { AttachedMounts } from '../../isolation/rootfs/attached-mounts.ts';
import { mountClaim } from '../../isolation/rootfs/claim-mounts.ts';
import { makeDeviceDirectory } from '../../isolation/rootfs/device-directory.ts';
import { makeCover } from '../../isolation/rootfs/hidden-paths.ts';
import type { ImageMounts } from '../../isolation/rootfs/image-mounts.ts';
import { checkImageRoot } from '../../isolation/rootfs/image-root.ts';
import { closeAll, makePipe, makeSocketPair } from '../../linux/descriptor.ts';
import { writeKernelFile } from '../../linux/kernel-file.ts';
import { cloneMount } from '../../linux/mount.ts';
import { killIfStill } from '../../linux/process-handle.ts';
import { reapChild } from '../../linux/reap-child.ts';
import type { ClaimOptions, DriverEvent, EnvironmentDescriptors, RuntimeImage, StoredImage } from '../driver.ts';
import type { BlockWall } from './block-walls.ts';
import { InitChannel } from './init-channel.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { outOfMemoryScore } from './oci-specification.ts';
import type { Slot } from './slot.ts';
import type { OciWalls } from './walls.ts';

/** sbx_user1051 of the runtime images. */
const functionUid = 993;
const functionGid = 990;
const maxProcesses = 1024;
/** Between the kernel's word that memory is out and the count of its kill. */
const outOfMemoryCountMs = 500;
const extensionsDirectory = '/opt/extensions';
/** A directory may be as large as its maker likes. */
const listTimeoutMs = 5_000;
/** Of a thousand processes with gigabytes between them. */
const resetTimeoutMs = 5_000;
/** signal(7). */
const signalNumbers = { SIGTERM: 15, SIGKILL: 9 } as const;

export interface OciEnvironmentOptions {
  readonly id: string;
  readonly slot: Slot;
  readonly runtime: RuntimeImage;
  readonly memorySizeMiB: number;
  /** The one account that may claim it. */
  readonly accountId: string | undefined;
  readonly cgroup: Cgroup;
  readonly ociRuntime: OciRuntime;
  readonly images: ImageMounts;
  readonly emit: (event: DriverEvent) => void;
  readonly walls: OciWalls;
  /** Raises the block rate limits; the group is there. */
  readonly limitBlocks: () => Promise<BlockWall>;
}

/** One execution environment of the oci driver, from prepared to destroyed. */
export class OciEnvironment {
  readonly id: string;
  readonly slot: Slot;
  readonly cgroup: Cgroup;
  readonly memorySizeMiB: number;
  readonly pid: number;
  readonly blockWall: BlockWall;
  readonly #options: OciEnvironmentOptions;
  readonly #channel: InitChannel;
  readonly #undo: AsyncDisposableStack;
  readonly #stdout: number;
  readonly #stderr: number;
  readonly #extensionOutput: number;
  #owner: Owner | undefined;
  #nextProcessId = 1;
  #seenOutOfMemoryKills = 0;
  #isCounting = false;
  #killingTheRest = false;
  #ending = false;

  private constructor(
    options: OciEnvironmentOptions,
    made: { pid: number; blockWall: BlockWall; channel: InitChannel; undo: AsyncDisposableStack } & OutputEnds,
  ) {
    this.id = options.id;
    this.slot = options.slot;
    this.cgroup = options.cgroup;
    this.memorySizeMiB = options.memorySizeMiB;
    this.pid = made.pid;
    this.blockWall = made.blockWall;
    this.#options = options;
    this.#channel = made.channel;
    this.#stdout = made.stdout;
    this.#stderr = made.stderr;
    this.#extensionOutput = made.extensionOutput;
    this.#undo = made.undo;
    made.channel.onExit = (exit) => {
      if (this.#newOutOfMemoryKills()) this.#killTheRest();
      this.#options.emit({ event: 'exited', environmentId: this.id, ...exit, outOfMemory: this.#killingTheRest });
    };
    made.channel.onClose = () => {
      if (!this.#ending) this.#options.emit({ event: 'environmentGone', environmentId: this.id, outOfMemory: this.#newOutOfMemoryKills() });
    };
  }

  /** Raises every wall and starts PID 1, which waits: no code of a customer is in sight of it. */
  static async prepare(options: OciEnvironmentOptions): Promise<OciEnvironment> {
    const { slot, cgroup } = options;
    await using undo = new AsyncDisposableStack();
    const bundle = join(slot.directory, 'bundle');
    mkdirSync(bundle, { recursive: true, mode: 0o700 });
    undo.defer(() => rmSync(bundle, { recursive: true, force: true }));
    undo.defer(() => cgroup.remove());
    cgroup.create({ memorySizeMiB: options.memorySizeMiB, maxProcesses });
    cgroup.setCpuQuota(phaseQuotaUs('init', options.memorySizeMiB));
    let onOutOfMemory = (): void => undefined;
    undo.use(cgroup.onOutOfMemory(() => onOutOfMemory()));
    // Beside the OCI runtime's work: the first rule of a device takes the kernel longer than all others.
    const limitingBlocks = options.limitBlocks();
    const limited = limitingBlocks.catch(() => undefined);
    undo.defer(async () => (await limited)?.[Symbol.dispose]());
    using attached = attachRoot(options, undo);
    const ends = makeEnds(slot, undo);
    const specification = options.walls.specification({
      rootPath: attached.root,
      tmpPath: attached.tmp,
      devicesPath: attached.devices,
      networkNamespacePath: `/proc/${process.pid}/fd/${slot.network.namespace}`,
      userNamespacePath: `/proc/${process.pid}/fd/${slot.userNamespace}`,
      idRange: slot.idRange,
      cgroup: cgroup.oci,
    });
    writeFileSync(join(bundle, 'config.json'), specification, { mode: 0o600 });
    undo.defer(() => options.ociRuntime.forget(options.id));
    let pid = 0;
    undo.defer(() => cgroup.kill().then(() => (pid === 0 ? undefined : reapChild(pid))));
    pid = await options.ociRuntime
      .create(options.id, bundle, {
        descriptors: [ends.control, ...ends.writes],
        groupEntrances: cgroup.entrances,
        timeNamespacePath: options.walls.timeNamespacePath(slot.timeNamespace),
      })
      .finally(() => closeAll(ends.control, ...ends.writes));
    // SECURITY: no process of the environment runs a single instruction of the image outside its control groups.
    attachOrKill(cgroup, pid);
    const blockWall = await limitingBlocks;
    options.walls.hidePaths(pid, attached.cover);
    // SECURITY: written with root's capability, so that it is also the least that a process inside may set for itself (proc(5), oom_score_adj).
    writeKernelFile(`/proc/${pid}/oom_score_adj`, outOfMemoryScore);
    await options.ociRuntime.start(options.id);
    const channel = new InitChannel(ends.agentControl);
    undo.defer(() => channel.close());
    const environment = new OciEnvironment(options, { pid, blockWall, channel, ...ends.reads, undo: undo.move() });
    onOutOfMemory = () => void environment.#outOfMemory();
    return environment;
  }

  /** Binds the environment to its owner, once. There is no way back. */
  async claim({ owner, code, layers }: ClaimOptions, egress: EgressPolicy): Promise<EnvironmentDescriptors> {
    if (this.#owner !== undefined) throw new CloisterError('Conflict', 'the environment has an owner', { operation: 'claim' });
    const { accountId } = this.#options;
    if (accountId !== undefined && accountId !== owner.accountId)
      throw new CloisterError('Conflict', 'the environment was prepared for another account', { operation: 'claim' });
    this.#owner = owner;
    const { network, idRange } = this.slot;
    await network.open(egress);
    // SECURITY: what was taken apart meanwhile has a process id and descriptors that may be another's by now.
    if (this.#ending) throw new CloisterError('EnvironmentGone', 'the environment is ending', { operation: 'claim' });
    using resolver = new DisposableStack();
    const resolverFile = network.resolverFile(idRange.firstId);
    if (resolverFile !== undefined) resolver.defer(() => closeAll(resolverFile));
    this.blockWall.addImages([code, ...layers].map(({ path }) => path));
    mountClaim({
      pid: this.pid,
      userNamespace: this.slot.userNamespace,
      code: this.#acquire(code),
      layers: layers.map((layer) => this.#acquire(layer)),
      resolverFile,
      scratch: this.slot.directory,
    });
    const memoryPeak = openSync(this.cgroup.memoryPeakPath, 'r');
    this.#undo.defer(() => closeAll(memoryPeak));
    const freezer = this.cgroup.openFreezer();
    this.#undo.defer(() => closeAll(freezer));
    const { freezerWords } = this.cgroup;
    const output = { stdout: this.#stdout, stderr: this.#stderr, extensionOutput: this.#extensionOutput };
    return { runtimeApi: this.slot.network.runtimeApi, ...output, memoryPeak, freezer, freezerWords };
  }

  async listExtensions(): Promise<readonly string[]> {
    this.#checkOwned('list extensions');
    this.cgroup.thaw();
    const names = this.#channel.list({ uid: functionUid, gid: functionGid, directory: extensionsDirectory });
    return within(names, { what: 'list extensions', timeoutMs: listTimeoutMs });
  }

  async start(process: ProcessToStart, environment: Readonly<Record<string, string>>): Promise<number> {
    this.#checkOwned('start');
    const processId = this.#nextProcessId++;
    const isRuntime = process.kind === 'runtime';
    this.cgroup.thaw();
    await this.#channel.start({
      processId,
      uid: functionUid,
      gid: functionGid,
      cwd: isRuntime ? '/var/task' : '/',
      candidates: isRuntime ? this.#options.runtime.entrypoints : [`${extensionsDirectory}/${process.name}`],
      variables: environment,
      output: process.kind,
    });
    return processId;
  }

  signal(processId: number, signal: keyof typeof signalNumbers): void {
    this.cgroup.thaw();
    this.#channel.signal(processId, signalNumbers[signal]);
  }

  connect(port: number): Promise<number> {
    this.#checkOwned('connect');
    return this.slot.network.connect(port);
  }

  /**
   * PID 1, too, stops in the freezer, whose descriptor the daemon has: it is thawed first.
   * SECURITY: limits are lifted while it works. Who stops it again and again so as to keep them lifted loses the environment.
   */
  async reset(): Promise<void> {
    // A group that owes CPU time would take seconds to die.
    this.cgroup.setCpuQuota(undefined);
    this.cgroup.thaw();
    try {
      await this.blockWall.unhindered(() => within(this.#channel.reset(), { what: 'reset', timeoutMs: resetTimeoutMs }));
    } catch (error) {
      // Its end is told by the channel.
      if (!this.#ending) this.cgroup.kill().catch(() => undefined);
      throw error;
    }
    this.setLimits('init');
    // What was killed by now is gone: no later process is to end for it.
    this.#newOutOfMemoryKills();
  }

  /**
   * What waits for a device stops when it has what it waits for.
   * SECURITY: the block limits stay as they are, and go on being looked after: the daemon can thaw what this has frozen.
   */
  freeze(): Promise<void> {
    return this.cgroup.freeze();
  }

  thaw(): void {
    this.cgroup.thaw();
  }

  setLimits(phase: 'init' | 'invoke'): void {
    this.cgroup.setCpuQuota(phaseQuotaUs(phase, this.memorySizeMiB));
  }

  /** ORDER: as long as a process lives nothing is taken away, so that a second call finds what the first could not end. */
  async destroy(): Promise<void> {
    this.#ending = true;
    // ORDER: before the kill: it would wait for processes that wait for a device.
    this.blockWall[Symbol.dispose]();
    await this.cgroup.kill();
    await this.#undo.disposeAsync();
  }

  #checkOwned(operation: string): void {
    if (this.#owner === undefined) throw new CloisterError('Conflict', 'the environment has no owner yet', { operation });
  }

  #acquire(image: StoredImage): string {
    const directory = this.#options.images.acquire(image.key, image.path);
    this.#undo.defer(() => this.#options.images.release(image.key));
    return directory;
  }

  /** Memory is out: once a kill is counted, nothing of the environment goes on, whichever of its processes the kernel chose. */
  async #outOfMemory(): Promise<void> {
    if (this.#isCounting) return;
    this.#isCounting = true;
    try {
      await waitUntil(() => this.#ending || this.#killingTheRest || this.#newOutOfMemoryKills(), {
        what: 'count an out-of-memory kill',
        timeoutMs: outOfMemoryCountMs,
      });
      this.#killTheRest();
    } catch {
      // A process that was ending anyway made room: nothing was killed.
    } finally {
      this.#isCounting = false;
    }
  }

  #killTheRest(): void {
    if (this.#killingTheRest || this.#ending) return;
    this.#killingTheRest = true;
    const done = () => {
      this.#killingTheRest = false;
    };
    // PID 1 may be gone itself, which is told by its channel.
    this.reset().then(done, done);
  }

  #newOutOfMemoryKills(): boolean {
    const kills = this.cgroup.outOfMemoryKills();
    const isNew = kills > this.#seenOutOfMemoryKills;
    this.#seenOutOfMemoryKills = kills;
    return isNew;
  }
}

/** As Lambda does, an init gets a whole processor where its function has less: node and python take most of theirs to start. */
function phaseQuotaUs(phase: 'init' | 'invoke', memorySizeMiB: number): number {
  return cpuQuotaUs(phase === 'init' ? Math.max(memorySizeMiB, memoryPerVcpuMiB) : memorySizeMiB);
}

/** Rejects with `EnvironmentGone` when PID 1 has not answered by then. */
async function within<T>(answer: Promise<T>, { what, timeoutMs }: { readonly what: string; readonly timeoutMs: number }): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new CloisterError('EnvironmentGone', `PID 1 has not answered within ${timeoutMs} ms`, { operation: what })),
    timeoutMs,
  );
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

interface AttachedRoot extends Disposable {
  readonly root: string;
  readonly tmp: string;
  readonly devices: string;
  readonly cover: string;
}

/** The runtime's image and the encrypted /tmp, both id-mapped, /dev, and what covers parts of /proc. */
function attachRoot({ slot, runtime, images }: OciEnvironmentOptions, undo: AsyncDisposableStack): AttachedRoot {
  const image = images.acquire(runtime.key, runtime.imagePath);
  undo.defer(() => images.release(runtime.key));
  using stack = new DisposableStack();
  const mounts = stack.use(new AttachedMounts(slot.directory));
  const { firstId } = slot.idRange;
  const root = mounts.attach('root', cloneCheckedRoot(image, slot.userNamespace));
  const tmp = mounts.attach('tmp', slot.volume.cloneMount(slot.userNamespace));
  const devices = mounts.attach('dev', makeDeviceDirectory(firstId));
  const cover = mounts.attach('hidden', makeCover(firstId));
  stack.move();
  return { root, tmp, devices, cover, [Symbol.dispose]: () => mounts[Symbol.dispose]() };
}

function cloneCheckedRoot(image: string, userNamespace: number): number {
  const root = cloneMount(image, { readOnly: true, userNamespace });
  try {
    checkImageRoot(root);
    return root;
  } catch (error) {
    closeAll(root);
    throw error;
  }
}

/** Read ends of what the environment's processes write. */
interface OutputEnds {
  readonly stdout: number;
  readonly stderr: number;
  readonly extensionOutput: number;
}

/** Control socket and output pipes. The pipes belong to the function's user, so that it can open /dev/stdout and /dev/stderr again. */
function makeEnds(slot: Slot, undo: AsyncDisposableStack) {
  const control = makeSocketPair('stream');
  const stdout = makePipe();
  const stderr = makePipe();
  const extensionOutput = makePipe();
  // ORDER: as PID 1 knows them, by number.
  const writes = [stdout.write, stderr.write, extensionOutput.write];
  for (const fd of writes) fchownSync(fd, slot.idRange.firstId + functionUid, slot.idRange.firstId + functionGid);
  const reads: OutputEnds = { stdout: stdout.read, stderr: stderr.read, extensionOutput: extensionOutput.read };
  undo.defer(() => closeAll(stdout.read, stderr.read, extensionOutput.read));
  return { control: control.second, agentControl: control.first, writes, reads };
}

/** The process that waits between create and start is our child's and in no group of ours yet: where it can't be attached it must not stay. */
function attachOrKill(cgroup: Cgroup, pid: number): void {
  try {
    cgroup.attach(pid);
  } catch (error) {
    killIfStill(pid, () => true);
    throw error;
  }
}
