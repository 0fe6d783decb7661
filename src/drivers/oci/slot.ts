import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskBudget } from '../../isolation/encrypted-tmp/disk-budget.ts';
import type { TmpVolume } from '../../isolation/encrypted-tmp/tmp-volume.ts';
import type { VolumeTemplate } from '../../isolation/encrypted-tmp/volume-template.ts';
import type { IdRanges } from '../../isolation/namespace/id-range.ts';
import type { NetworkRouter } from '../../isolation/network/router.ts';
import type { SlotNetwork } from '../../isolation/network/slot-network.ts';
import { makePassableDirectory } from '../../linux/passable-directory.ts';
import { closeNamespaces, type IdRange } from '../../linux/user-and-time-namespace.ts';
import type { OciWalls } from './walls.ts';

export interface SlotOptions {
  readonly id: string;
  readonly directory: string;
  readonly imagePath: string;
  readonly template: VolumeTemplate;
  readonly diskBudget: DiskBudget;
  readonly idRanges: IdRanges;
  readonly router: NetworkRouter;
  readonly walls: OciWalls;
}

/** Everything pre-made for one environment before a function is known: id range, user namespace for id-mapped mounts, time and network namespace, encrypted volume. */
export class Slot {
  readonly id: string;
  readonly directory: string;
  readonly idRange: IdRange;
  readonly userNamespace: number;
  readonly timeNamespace: number;
  readonly network: SlotNetwork;
  readonly volume: TmpVolume;
  readonly #undo: AsyncDisposableStack;
  environmentId: string | undefined;
  /** The count of its environment's memory in the host's budget, from prepare on. */
  memory: Disposable | undefined;

  private constructor(
    parts: Pick<Slot, 'id' | 'directory' | 'idRange' | 'userNamespace' | 'timeNamespace' | 'network' | 'volume'>,
    undo: AsyncDisposableStack,
  ) {
    this.id = parts.id;
    this.directory = parts.directory;
    this.idRange = parts.idRange;
    this.userNamespace = parts.userNamespace;
    this.timeNamespace = parts.timeNamespace;
    this.network = parts.network;
    this.volume = parts.volume;
    this.#undo = undo;
  }

  static async open(options: SlotOptions): Promise<Slot> {
    await using undo = new AsyncDisposableStack();
    const { id, directory, template, imagePath, diskBudget } = options;
    undo.use(diskBudget.take(template.sizeMiB));
    // The OCI runtime walks to the root file system with the ids of the environment: it must pass here, and can't list.
    makePassableDirectory(directory);
    undo.defer(() => rmSync(directory, { recursive: true, force: true }));
    const idRange = options.idRanges.take();
    undo.defer(() => options.idRanges.release(idRange.index));
    const namespaces = await options.walls.openNamespaces(idRange);
    undo.defer(() => closeNamespaces(namespaces));
    const network = await options.walls.openNetwork(options.router);
    undo.defer(() => network.close());
    const volume = options.walls.openVolume({ template, imagePath, preallocate: diskBudget.preallocate, mountPoint: join(directory, 'volume') });
    undo.defer(() => volume.close());
    return new Slot({ id, directory, idRange, userNamespace: namespaces.user, timeNamespace: namespaces.time, network, volume }, undo.move());
  }

  /** Disposes of something with the slot, before what the slot itself is made of. */
  own(resource: Disposable): void {
    this.#undo.use(resource);
  }

  /** ORDER: after the environment's last process is gone. Volume and key first, the id range last. */
  async close(): Promise<void> {
    await this.#undo.disposeAsync();
  }
}
