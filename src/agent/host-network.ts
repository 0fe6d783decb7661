import { join } from 'node:path';
import type { CgroupHost } from '../isolation/cgroup/cgroup-host.ts';
import type { IdRanges } from '../isolation/namespace/id-range.ts';
import { NetworkRouter } from '../isolation/network/router.ts';
import type { UplinkOptions } from '../isolation/network/uplink.ts';
import { LinkLimiter } from '../isolation/rate-limit/link-limiter.ts';
import { grantsEgress, type HostConfiguration } from './host-configuration.ts';

/** All connections of all environments pass this process: it may take one processor, and no more memory than its buffers need. */
const uplinkMemoryMiB = 512;
const uplinkProcesses = 8;

export interface HostNetworkOptions {
  readonly host: HostConfiguration;
  readonly runDirectory: string;
  readonly cgroups: CgroupHost;
  readonly idRanges: IdRanges;
}

/** The router namespace of this instance, with an uplink only where the configuration grants somebody egress. */
export async function openHostNetwork(options: HostNetworkOptions): Promise<AsyncDisposable & { readonly router: NetworkRouter }> {
  await using undo = new AsyncDisposableStack();
  const { rateLimits } = options.host.isolation;
  const router = await NetworkRouter.open({
    uplink: grantsEgress(options.host) ? makeUplink(options, undo) : undefined,
    limitLink: ({ netlink, linkIndex, direction }) => LinkLimiter.install({ netlink, linkIndex, direction, limiter: rateLimits.network[direction] }),
  });
  undo.defer(() => router.close());
  return Object.assign(undo.move(), { router });
}

function makeUplink({ host, runDirectory, cgroups, idRanges }: HostNetworkOptions, undo: AsyncDisposableStack): UplinkOptions {
  const idRange = idRanges.take();
  undo.defer(() => idRanges.release(idRange.index));
  const group = cgroups.group('uplink');
  undo.defer(() => group.remove());
  group.create({ memorySizeMiB: uplinkMemoryMiB, maxProcesses: uplinkProcesses });
  return {
    idRange,
    directory: join(runDirectory, 'uplink'),
    resolver: host.isolation.egress.resolver,
    confine: (pid) => group.attach(pid),
  };
}
