import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Owner, ProcessToStart } from '../../agent/messages.ts';
import { CloisterError } from '../../errors.ts';
import type { Evidence } from '../../evidence.ts';
import type { CgroupHost } from '../../isolation/cgroup/cgroup-host.ts';
import type { MemoryBudget } from '../../isolation/cgroup/memory-budget.ts';
import type { DiskBudget } from '../../isolation/encrypted-tmp/disk-budget.ts';
import { DiskWatch, type WatchedVolume } from '../../isolation/encrypted-tmp/disk-watch.ts';
import { makeVolumeTemplate, type VolumeTemplate } from '../../isolation/encrypted-tmp/volume-template.ts';
import type { IdRanges } from '../../isolation/namespace/id-range.ts';
import type { EgressPolicy } from '../../isolation/network/egress-policy.ts';
import type { NetworkRouter } from '../../isolation/network/router.ts';
import type { RateLimits } from '../../isolation/rate-limit/token-bucket.ts';
import type { ImageMounts } from '../../isolation/rootfs/image-mounts.ts';
import type { ClaimOptions, Driver, DriverEvent, EnvironmentDescriptors, PrepareOptions, RuntimeImage } from '../driver.ts';
import { type BlockWall, BlockWalls } from './block-walls.ts';
import { ociEvidence } from './evidence.ts';
import { OciEnvironment } from './oci-environment.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { Slot } from './slot.ts';
import type { OciWalls } from './walls.ts';

/** Notes what is about to be made, so that a killed agent's leftovers can be found. */
export interface SlotJournal {
  opening(slotId: string): void;
  /** The device whose rate limits are set outside the environment's own group, too. */
  limiting(slotId: string, device: string): void;
  closed(slotId: string): void;
}

export interface OciDriverOptions {
  /** The instance's run directory: mount points and bundles. */
  readonly runDirectory: string;
  /** Where the volumes' image files lie. */
  readonly volumeDirectory: string;
  readonly diskBudget: DiskBudget;
  readonly cgroups: CgroupHost;
  readonly idRanges: IdRanges;
  readonly images: ImageMounts;
  readonly ociRuntime: OciRuntime;
  readonly journal: SlotJournal;
  readonly emit: (event: DriverEvent) => void;
  /** What the host's administrator allows and limits; the daemon has no say in either. */
  readonly egressPolicyOf: (owner: Owner) => EgressPolicy;
  readonly rateLimits: RateLimits;
  readonly router: NetworkRouter;
  readonly walls: OciWalls;
  /** What failed beside any request. */
  readonly onProblem: (error: unknown) => void;
  /** SECURITY: the host's own bounds, whatever the daemon counts: slots that exist, and memory of the environments in them. */
  readonly maxSlots: number;
  readonly memoryBudget: MemoryBudget;
}

/** Sizes of /tmp whose template is kept: each is made by mkfs once and held in memory. */
const maxTemplates = 8;
/** A quarter of the requests that the agent has under way at most. */
const maxConnecting = 64;

/** Environments walled in by the Linux kernel alone, started by an OCI runtime. */
export class OciDriver implements Driver {
  readonly #options: OciDriverOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #environments = new Map<string, OciEnvironment>();
  readonly #templates = new Map<number, Promise<VolumeTemplate>>();
  #lastTemplate: Promise<unknown> = Promise.resolve();
  readonly #destroying = new Map<string, Promise<void>>();
  /** Slots and environments that are being made now, by slot. ORDER: nothing of a slot is taken away before these have settled. */
  readonly #making = new Map<string, Promise<unknown>>();
  #nextSlot = 1;
  #connecting = 0;
  #closing = false;
  readonly #blockWalls: BlockWalls;
  readonly #diskWatch: DiskWatch;

  constructor(options: OciDriverOptions) {
    this.#options = options;
    this.#diskWatch = new DiskWatch({ budget: options.diskBudget, onProblem: options.onProblem });
    this.#blockWalls = new BlockWalls({
      limiter: options.rateLimits.block,
      parent: options.cgroups.blockFiles(),
      open: options.walls.limitBlocks,
      onProblem: options.onProblem,
    });
  }

  async openSlot({ tmpSizeMiB }: { readonly tmpSizeMiB: number }): Promise<string> {
    if (this.#closing) throw new CloisterError('ShuttingDown', 'the host agent is ending', { operation: 'open slot' });
    const id = `slot-${this.#nextSlot++}`;
    const opening = new Set([...this.#making.keys()].filter((known) => !this.#slots.has(known)));
    if (this.#slots.size + opening.size >= this.#options.maxSlots)
      throw new CloisterError('NoCapacity', 'the host has all the slots it may have', { operation: 'open slot' });
    return this.#whileMaking(id, async () => {
      this.#slots.set(id, await this.#openSlot(id, tmpSizeMiB));
      return id;
    });
  }

  async prepare({ slotId, runtime, memorySizeMiB, accountId }: PrepareOptions): Promise<string> {
    const slot = this.#slots.get(slotId);
    if (slot === undefined || this.#destroying.has(slotId)) throw new CloisterError('NotFound', 'there is no such slot', { operation: 'prepare' });
    if (slot.environmentId !== undefined) throw new CloisterError('Conflict', 'the slot has an environment', { operation: 'prepare' });
    const { cgroups, images, ociRuntime, emit, memoryBudget, walls } = this.#options;
    const id = `env-${randomBytes(8).toString('hex')}`;
    const cgroup = walls.group(cgroups, id);
    slot.memory = memoryBudget.take({ sizeMiB: memorySizeMiB, usageBytes: () => cgroup.memoryUsageBytes() });
    slot.environmentId = id;
    return this.#whileMaking(slotId, async () => {
      const environment = await OciEnvironment.prepare({
        id,
        slot,
        runtime,
        memorySizeMiB,
        accountId,
        cgroup,
        ociRuntime,
        images,
        emit,
        walls,
        limitBlocks: () => this.#limitBlocks(id, slot, runtime),
      });
      this.#environments.set(id, environment);
      return id;
    });
  }

  async claim(environmentId: string, options: ClaimOptions): Promise<EnvironmentDescriptors> {
    return this.#environment(environmentId).claim(options, this.#options.egressPolicyOf(options.owner));
  }

  async listExtensions(environmentId: string): Promise<readonly string[]> {
    return this.#environment(environmentId).listExtensions();
  }

  async start(environmentId: string, process: ProcessToStart, environment: Readonly<Record<string, string>>): Promise<number> {
    return this.#environment(environmentId).start(process, environment);
  }

  async signal(environmentId: string, processId: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#environment(environmentId).signal(processId, signal);
  }

  async connect(environmentId: string, port: number): Promise<number> {
    const environment = this.#environment(environmentId);
    // SECURITY: functions that accept nobody hold up neither the agent's other work nor the daemon's other requests.
    if (this.#connecting >= maxConnecting)
      throw new CloisterError('NoCapacity', 'too many connections into environments wait', { operation: 'connect' });
    this.#connecting += 1;
    try {
      return await environment.connect(port);
    } finally {
      this.#connecting -= 1;
    }
  }

  async reset(environmentId: string): Promise<void> {
    await this.#environment(environmentId).reset();
  }

  async freeze(environmentId: string): Promise<void> {
    await this.#environment(environmentId).freeze();
  }

  async thaw(environmentId: string): Promise<void> {
    this.#environment(environmentId).thaw();
  }

  async setLimits(environmentId: string, phase: 'init' | 'invoke'): Promise<void> {
    this.#environment(environmentId).setLimits(phase);
  }

  async processes(environmentId: string): Promise<readonly number[]> {
    return this.#environment(environmentId).cgroup.processes();
  }

  async evidence(environmentId: string): Promise<Evidence> {
    const environment = this.#environment(environmentId);
    try {
      return await ociEvidence(environment);
    } catch (error) {
      // What was read may have been taken away meanwhile: then that is the answer.
      this.#environment(environmentId);
      throw error;
    }
  }

  /** Takes the id of an environment or of a slot: both end together. Unknown ids are done already. */
  async destroy(id: string): Promise<void> {
    const slot = this.#slots.get(id) ?? this.#environments.get(id)?.slot;
    if (slot === undefined) return;
    let running = this.#destroying.get(slot.id);
    if (running === undefined) {
      running = this.#destroySlot(slot).finally(() => this.#destroying.delete(slot.id));
      this.#destroying.set(slot.id, running);
    }
    await running;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.allSettled(this.#making.values());
    const ended = await Promise.allSettled([...this.#slots.keys()].map((id) => this.destroy(id)));
    const failures = ended.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    if (failures.length > 0) throw new AggregateError(failures, 'not every environment could be destroyed');
  }

  async #openSlot(id: string, tmpSizeMiB: number): Promise<Slot> {
    const { journal, runDirectory, volumeDirectory, diskBudget, idRanges, router, walls } = this.#options;
    const template = await this.#template(tmpSizeMiB);
    // What deleted files held counts as free for a new volume.
    if (!diskBudget.hasRoom(tmpSizeMiB)) this.#diskWatch.trim();
    journal.opening(id);
    try {
      const slot = await Slot.open({
        id,
        directory: join(runDirectory, id),
        imagePath: join(volumeDirectory, `${id}.img`),
        template,
        diskBudget,
        idRanges,
        router,
        walls,
      });
      if (!diskBudget.preallocate) slot.own(this.#diskWatch.add(this.#watched(slot)));
      return slot;
    } catch (error) {
      journal.closed(id);
      throw error;
    }
  }

  #watched(slot: Slot): WatchedVolume {
    const { volume } = slot;
    return {
      imagePath: volume.imagePath,
      trim: () => volume.trim(),
      end: async () => {
        const { onProblem, emit } = this.#options;
        onProblem(
          new CloisterError('NoCapacity', `the host's disk is filling: ended what writes most to it (${slot.id})`, { operation: 'watch disk' }),
        );
        if (slot.environmentId !== undefined) emit({ event: 'environmentGone', environmentId: slot.environmentId, outOfMemory: false });
        await this.destroy(slot.id);
      },
    };
  }

  async #whileMaking<T>(slotId: string, make: () => Promise<T>): Promise<T> {
    const made = make();
    this.#making.set(slotId, made);
    try {
      return await made;
    } finally {
      this.#making.delete(slotId);
    }
  }

  async #destroySlot(slot: Slot): Promise<void> {
    // SECURITY: an environment that is still being made would go on in an id range, and behind descriptor numbers, that another slot has got by then.
    await this.#making.get(slot.id)?.catch(() => undefined);
    const environment = slot.environmentId === undefined ? undefined : this.#environments.get(slot.environmentId);
    if (environment !== undefined) {
      await environment.destroy();
      this.#environments.delete(environment.id);
    }
    await slot.close();
    this.#slots.delete(slot.id);
    slot.memory?.[Symbol.dispose]();
    this.#options.journal.closed(slot.id);
  }

  async #limitBlocks(environmentId: string, slot: Slot, runtime: RuntimeImage): Promise<BlockWall> {
    const tmpDevice = slot.volume.device;
    this.#options.journal.limiting(slot.id, tmpDevice);
    return this.#blockWalls.raise({ group: this.#options.cgroups.blockFiles(environmentId), tmpDevice, runtimeImage: runtime.imagePath });
  }

  #environment(id: string): OciEnvironment {
    const environment = this.#environments.get(id);
    if (environment === undefined) throw new CloisterError('NotFound', 'there is no such environment', { operation: 'find environment' });
    // SECURITY: its process id may be another process's by now.
    if (this.#destroying.has(environment.slot.id))
      throw new CloisterError('EnvironmentGone', 'the environment is ending', { operation: 'find environment' });
    return environment;
  }

  #template(sizeMiB: number): Promise<VolumeTemplate> {
    const known = this.#templates.get(sizeMiB);
    if (known !== undefined) return known;
    // ORDER: one mkfs at a time, however many sizes are asked for at once.
    const made = this.#lastTemplate.catch(() => undefined).then(() => makeVolumeTemplate(this.#options.runDirectory, sizeMiB));
    this.#lastTemplate = made;
    this.#templates.set(sizeMiB, made);
    made.catch(() => this.#templates.delete(sizeMiB));
    const [oldest] = this.#templates.keys();
    if (this.#templates.size > maxTemplates && oldest !== undefined) this.#templates.delete(oldest);
    return made;
  }
}
