import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { detectCgroups, v2Controllers } from '../../isolation/cgroup/cgroup-host.ts';
import { v1Controllers } from '../../isolation/cgroup/v1-cgroup.ts';
import { readKernelFile } from '../../linux/kernel-file.ts';
import type { Check, Measurement } from '../check.ts';

const root = '/sys/fs/cgroup';

/** Which version of control groups this host has, whether the controllers are there, and whether a group can be made. */
export const cgroupCheck: Check = {
  id: 'cgroups',
  severity: 'required',
  needsRoot: true,
  why: 'memory, processor time and the number of processes of an environment are limited by control groups',
  fix: `mount cgroup2 at ${root} with the controllers ${v2Controllers.join(', ')}, or the v1 controllers ${v1Controllers.join(', ')}`,
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
