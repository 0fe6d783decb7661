import type { Cgroup } from '../../isolation/cgroup/cgroup.ts';
import type { CgroupHost } from '../../isolation/cgroup/cgroup-host.ts';
import { TmpVolume } from '../../isolation/encrypted-tmp/tmp-volume.ts';
import type { NetworkRouter } from '../../isolation/network/router.ts';
import type { SlotNetwork } from '../../isolation/network/slot-network.ts';
import { BlockThrottle } from '../../isolation/rate-limit/block-throttle.ts';
import { hidePaths } from '../../isolation/rootfs/hidden-paths.ts';
import { makeUserAndTimeNamespace } from '../../linux/user-and-time-namespace.ts';
import { ociSpecification } from './oci-specification.ts';

/** What raises each wall, as one value of the composition root: a program that proves a wall's worth takes exactly that one away. */
export const ociWalls = {
  specification: ociSpecification,
  group: (cgroups: CgroupHost, name: string): Cgroup => cgroups.group(name),
  hidePaths,
  openNamespaces: makeUserAndTimeNamespace,
  openNetwork: (router: NetworkRouter): Promise<SlotNetwork> => router.take(),
  openVolume: TmpVolume.open,
  limitBlocks: BlockThrottle.open,
  /** A process of the OCI runtime enters it by this path. */
  timeNamespacePath: (descriptor: number): string | undefined => `/proc/${process.pid}/fd/${descriptor}`,
};

export type OciWalls = typeof ociWalls;
