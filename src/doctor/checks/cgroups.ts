import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../../errors.ts';
import { detectCgroups, v2Controllers } from '../../isolation/cgroup/cgroup-host.ts';
import { v1Controllers } from '../../isolation/cgroup/v1-cgroup.ts';
import { readKernelFile } from '../../linux/kernel-file.ts';
import type { Check, Measurement } from '../check.ts';
import { runMendingCommand } from '../mending-command.ts';

const root = '/sys/fs/cgroup';

/** Which version of control groups this host has, whether the controllers are there, and whether a group can be made. */
export const cgroupCheck: Check = {
  id: 'cgroups',
  severity: 'required',
  needsRoot: true,
  why: 'memory, processor time and the number of processes of an environment are limited by control groups',
  fix: `mount cgroup2 at ${root} with the controllers ${v2Controllers.join(', ')}, or the v1 controllers ${v1Controllers.join(', ')}`,
  mend: mountCgroups,
  measure: () => {
    const { mode, v1Mounts } = detectCgroups(readKernelFile('/proc/self/mountinfo'));
    return mode === 'v2' ? measureV2() : measureV1(mode, v1Mounts);
  },
};

function measureV2(): Measurement {
  const offered = readKernelFile(join(root, 'cgroup.controllers')).split(' ');
  const missing = v2Controllers.filter((controller) => !offered.includes(controller));
  if (missing.length > 0) return { ok: false, found: `v2, without ${missing.join(', ')}` };
  makeGroup(root);
  return { ok: true, found: `v2 with ${v2Controllers.join(', ')}; a group could be made` };
}

function measureV1(mode: string, mounts: ReadonlyMap<string, string>): Measurement {
  const missing = v1Controllers.filter((controller) => !mounts.has(controller));
  if (missing.length > 0) return { ok: false, found: `${mode}, without ${missing.join(', ')}` };
  for (const controller of v1Controllers) makeGroup(mounts.get(controller) ?? root);
  return { ok: true, found: `${mode} with ${v1Controllers.join(', ')}; groups could be made` };
}

function makeGroup(parent: string): void {
  const path = join(parent, `cloister-doctor-${process.pid}`);
  mkdirSync(path);
  rmdirSync(path);
}

/**
 * Mounts cgroup2 where no control groups are mounted at all; what is mounted otherwise is this host's own arrangement, and stays. The doctor has a mount
 * namespace of its own: the mount is made in its parent's, and once more here, to measure it.
 */
async function mountCgroups(): Promise<string> {
  if (/ - cgroup2? /.test(readKernelFile('/proc/self/mountinfo'))) {
    throw new CloisterError('HostUnfit', 'control groups are mounted, but not as they are needed: how, this host decides when it boots', {
      operation: 'mount control groups',
    });
  }
  const mountArguments = ['-t', 'cgroup2', '-o', 'nosuid,nodev,noexec', 'cgroup2', root];
  await runMendingCommand('nsenter', [`--mount=/proc/${process.ppid}/ns/mnt`, '--', 'mount', ...mountArguments]);
  return `ran ${await runMendingCommand('mount', mountArguments)}`;
}
