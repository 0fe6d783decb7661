import { basename } from 'node:path';
import type { Reading } from '../../evidence.ts';
import type { BlockFiles } from '../../isolation/cgroup/cgroup-host.ts';
import { watchBlockActivity } from '../../isolation/rate-limit/block-activity.ts';
import { diskOf, numberOfNode } from '../../isolation/rate-limit/block-device.ts';
import { BlockGovernor } from '../../isolation/rate-limit/block-governor.ts';
import type { BlockThrottle } from '../../isolation/rate-limit/block-throttle.ts';
import type { RateLimiter } from '../../isolation/rate-limit/token-bucket.ts';
import { V1BlockGroup } from '../../isolation/rate-limit/v1-block-group.ts';
import { V2BlockGroup } from '../../isolation/rate-limit/v2-block-group.ts';
import type { OciWalls } from './walls.ts';

export interface BlockWallsOptions {
  readonly limiter: RateLimiter;
  /** The instance's parent group. */
  readonly parent: BlockFiles;
  readonly open: OciWalls['limitBlocks'];
  readonly onProblem: (error: unknown) => void;
}

export interface RaiseBlockWall {
  readonly group: BlockFiles;
  /** The loop device of the environment's /tmp. */
  readonly tmpDevice: string;
  readonly runtimeImage: string;
}

/** Raises the block rate limits of environments, and keeps them to their buckets. */
export class BlockWalls {
  readonly #options: BlockWallsOptions;
  readonly #governor: BlockGovernor;
  readonly #loopDevices = new Set<string>();

  constructor(options: BlockWallsOptions) {
    this.#options = options;
    const { parent, onProblem } = options;
    this.#governor = new BlockGovernor({ anyMoved: watchBlockActivity(parent.counters, this.#loopDevices), onProblem });
  }

  async raise({ group, tmpDevice, runtimeImage }: RaiseBlockWall): Promise<BlockWall> {
    const { directory, root } = group;
    const throttle = await this.#options.open(
      {
        group: root === undefined ? new V2BlockGroup({ directory }) : new V1BlockGroup({ directory, root }),
        limiter: this.#options.limiter,
        ownDevice: numberOfNode(tmpDevice),
        hasForeignWriteback: root !== undefined,
        nowMs: performance.now(),
      },
      present(diskOf(runtimeImage)),
    );
    const loopDevice = basename(tmpDevice);
    this.#loopDevices.add(loopDevice);
    return new BlockWall(throttle, this.#governor, () => this.#loopDevices.delete(loopDevice));
  }
}

/** The block rate limits of one environment. */
export class BlockWall implements Disposable {
  readonly #throttle: BlockThrottle;
  readonly #governor: BlockGovernor;
  readonly #governed: Disposable;

  readonly #forget: () => void;

  constructor(throttle: BlockThrottle, governor: BlockGovernor, forget: () => void) {
    this.#throttle = throttle;
    this.#forget = forget;
    this.#governor = governor;
    this.#governed = governor.add(throttle);
  }

  /** Images of a claim may lie on another disk than the runtime's. */
  addImages(paths: readonly string[]): void {
    for (const path of paths) for (const number of present(diskOf(path))) this.#throttle.addImageDisk(number);
  }

  /** Does what must not wait for processes that wait for a device; what they then read and write is owed. */
  async unhindered(work: () => Promise<void>): Promise<void> {
    this.#governor.pause(this.#throttle);
    this.#throttle.lift();
    try {
      await work();
    } finally {
      this.#governor.resume(this.#throttle);
    }
  }

  readings(): Readonly<Record<string, Reading>> {
    return this.#throttle.readings();
  }

  [Symbol.dispose](): void {
    this.#governed[Symbol.dispose]();
    this.#throttle.close();
    this.#forget();
  }
}

function present(number: string | undefined): readonly string[] {
  return number === undefined ? [] : [number];
}
