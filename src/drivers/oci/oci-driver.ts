import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CloisterError } from '../../errors.ts';
import type { Evidence } from '../../evidence.ts';
import type { CgroupHost } from '../../isolation/cgroup/cgroup-host.ts';
import { makeVolumeTemplate, type VolumeTemplate } from '../../isolation/encrypted-tmp/volume-template.ts';
import type { IdRanges } from '../../isolation/namespace/id-range.ts';
import type { ImageMounts } from '../../isolation/rootfs/image-mounts.ts';
import type { ClaimOptions, Driver, DriverEvent, EnvironmentDescriptors, RuntimeImage } from '../driver.ts';
import { ociEvidence } from './evidence.ts';
import { OciEnvironment } from './oci-environment.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { Slot } from './slot.ts';

/** Notes what is about to be made, so that a killed agent's leftovers can be found. */
export interface SlotJournal {
  opening(slotId: string): void;
  closed(slotId: string): void;
}

export interface OciDriverOptions {
  /** The instance's run directory: mount points and bundles. */
  readonly runDirectory: string;
  /** Where the volumes' image files lie. */
  readonly volumeDirectory: string;
  readonly cgroups: CgroupHost;
  readonly idRanges: IdRanges;
  readonly images: ImageMounts;
  readonly ociRuntime: OciRuntime;
  readonly journal: SlotJournal;
  readonly emit: (event: DriverEvent) => void;
}

/** Environments walled in by the Linux kernel alone, started by an OCI runtime. */
export class OciDriver implements Driver {
  readonly #options: OciDriverOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #environments = new Map<string, OciEnvironment>();
  readonly #templates = new Map<number, Promise<VolumeTemplate>>();
  readonly #destroying = new Map<string, Promise<void>>();
  #nextSlot = 1;

  constructor(options: OciDriverOptions) {
    this.#options = options;
  }

  async openSlot({ tmpSizeMiB }: { readonly tmpSizeMiB: number }): Promise<string> {
    const template = await this.#template(tmpSizeMiB);
    const id = `slot-${this.#nextSlot++}`;
    this.#options.journal.opening(id);
    const slot = await Slot.open({
      id,
      directory: join(this.#options.runDirectory, id),
      imagePath: join(this.#options.volumeDirectory, `${id}.img`),
      template,
      idRanges: this.#options.idRanges,
    });
    this.#slots.set(id, slot);
    return id;
  }

  async prepare({
    slotId,
    runtime,
    memorySizeMiB,
  }: {
    readonly slotId: string;
    readonly runtime: RuntimeImage;
    readonly memorySizeMiB: number;
  }): Promise<string> {
    const slot = this.#slots.get(slotId);
    if (slot === undefined) throw new CloisterError('NotFound', 'there is no such slot', { operation: 'prepare' });
    if (slot.environmentId !== undefined) throw new CloisterError('Conflict', 'the slot has an environment', { operation: 'prepare' });
    const id = `env-${randomBytes(8).toString('hex')}`;
    slot.environmentId = id;
    const { cgroups, images, ociRuntime, emit } = this.#options;
    const environment = await OciEnvironment.prepare({ id, slot, runtime, memorySizeMiB, cgroup: cgroups.group(id), ociRuntime, images, emit });
    this.#environments.set(id, environment);
    return id;
  }

  async claim(environmentId: string, options: ClaimOptions): Promise<EnvironmentDescriptors> {
    return this.#environment(environmentId).claim(options);
  }

  async start(environmentId: string, environment: Readonly<Record<string, string>>): Promise<number> {
    return this.#environment(environmentId).start(environment);
  }

  async reset(environmentId: string): Promise<void> {
    await this.#environment(environmentId).reset();
  }

  async freeze(environmentId: string): Promise<void> {
    await this.#environment(environmentId).cgroup.freeze();
  }

  async thaw(environmentId: string): Promise<void> {
    this.#environment(environmentId).cgroup.thaw();
  }

  async setLimits(environmentId: string, phase: 'init' | 'invoke'): Promise<void> {
    this.#environment(environmentId).setLimits(phase);
  }

  async evidence(environmentId: string): Promise<Evidence> {
    return ociEvidence(this.#environment(environmentId));
  }

  /** Takes the id of an environment or of a slot: both end together. Unknown ids are done already. */
  async destroy(id: string): Promise<void> {
    const slot = this.#slots.get(id) ?? this.#environments.get(id)?.slot;
    if (slot === undefined) return;
    const running = this.#destroying.get(slot.id) ?? this.#destroySlot(slot).finally(() => this.#destroying.delete(slot.id));
    this.#destroying.set(slot.id, running);
    await running;
  }

  async close(): Promise<void> {
    const ended = await Promise.allSettled([...this.#slots.keys()].map((id) => this.destroy(id)));
    const failures = ended.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    if (failures.length > 0) throw new AggregateError(failures, 'not every environment could be destroyed');
  }

  async #destroySlot(slot: Slot): Promise<void> {
    const environment = slot.environmentId === undefined ? undefined : this.#environments.get(slot.environmentId);
    if (environment !== undefined) {
      await environment.destroy();
      this.#environments.delete(environment.id);
    }
    await slot.close();
    this.#slots.delete(slot.id);
    this.#options.journal.closed(slot.id);
  }

  #environment(id: string): OciEnvironment {
    const environment = this.#environments.get(id);
    if (environment === undefined) throw new CloisterError('NotFound', 'there is no such environment', { operation: 'find environment' });
    return environment;
  }

  #template(sizeMiB: number): Promise<VolumeTemplate> {
    const known = this.#templates.get(sizeMiB) ?? makeVolumeTemplate(this.#options.runDirectory, sizeMiB);
    this.#templates.set(sizeMiB, known);
    known.catch(() => this.#templates.delete(sizeMiB));
    return known;
  }
}
