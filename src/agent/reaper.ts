import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ociStateRoot } from '../drivers/oci/oci-runtime.ts';
import type { CgroupHost } from '../isolation/cgroup/cgroup-host.ts';
import type { IdRanges } from '../isolation/namespace/id-range.ts';
import { numberOfNode } from '../isolation/rate-limit/block-device.ts';
import { liftDirtyLimit } from '../isolation/rate-limit/dirty-limit.ts';
import { liftV1Writeback } from '../isolation/rate-limit/v1-block-group.ts';
import { clearLoopDevice } from '../linux/loop-device.ts';
import { killIfStill } from '../linux/process-handle.ts';
import { processesOfProgram, runsProgram } from '../linux/processes-of-program.ts';
import type { ImageStore } from './image-store.ts';
import type { SlotJournalFile } from './slot-journal-file.ts';

export interface ReaperOptions {
  readonly cgroups: CgroupHost;
  readonly idRanges: IdRanges;
  readonly images: ImageStore;
  readonly journal: SlotJournalFile;
  readonly volumeDirectory: string;
  readonly runDirectory: string;
  /** Paths of the OCI runtimes that an earlier agent may have used. */
  readonly ociPrograms: readonly string[];
}

/** How many of each were left by an earlier run. */
export interface Reaped {
  readonly slots: number;
  readonly processes: number;
  readonly controlGroups: number;
  readonly loopDevices: number;
  readonly volumes: number;
  readonly images: number;
  readonly idRanges: number;
}

/** Also when the file is gone already: the kernel then appends to the name. */
const isVolume = /\/volumes\/slot-\d+\.img/;
const settleMs = 20;
const settleRounds = 250;

/**
 * Undoes what an agent left that was killed, before this one makes anything; safe to be killed itself at any point and run again. Mounts and network
 * namespaces need no undoing: they were in the private mount namespace of the dead agent, or held by processes that end here.
 * SECURITY: no pid comes from a file. What is killed is in a control group of this instance, or is an OCI runtime working in this instance's directory.
 */
export async function reap(options: ReaperOptions): Promise<Reaped> {
  const { cgroups, journal } = options;
  const slots = journal.left();
  let processes = await killOciRuntimes(options.ociPrograms, options.runDirectory);
  const groups = cgroups.groupNames();
  for (const name of groups) {
    const group = cgroups.group(name);
    processes += group.processes().length;
    await group.kill();
    await group.remove();
  }
  // ORDER: before the devices are cleared, so that what is still to be written to them does not wait.
  liftBlockLimits(journal.devicesLeft(), options);
  const loopDevices = await clearLoopDevices(options.volumeDirectory);
  const volumes = removeFiles(options.volumeDirectory);
  // ORDER: the controllers of this run are bound below the run directory already: their directory stays.
  removeFiles(options.runDirectory, 'cgroup');
  const images = options.images.dropUnfinished();
  // ORDER: an id range is free only when no process and no file has its ids.
  const idRanges = options.idRanges.releaseAll();
  for (const slot of slots) journal.closed(slot);
  return { slots: slots.length, processes, controlGroups: groups.length, loopDevices, volumes, images, idRanges };
}

/** A process that waits between create and start is in no group yet; it still runs the OCI runtime's own program. */
async function killOciRuntimes(programs: readonly string[], runDirectory: string): Promise<number> {
  const stateRoot = ociStateRoot(runDirectory);
  let killed = 0;
  for (let round = 0; round < settleRounds; round += 1) {
    const found = programs.flatMap((program) => processesOfProgram(program, stateRoot).map((pid) => ({ program, pid })));
    if (found.length === 0) break;
    if (round === 0) killed = found.length;
    for (const { program, pid } of found) killIfStill(pid, () => runsProgram(pid, program, stateRoot));
    await delay(settleMs);
  }
  return killed;
}

/** A device that another instance has got since has rules of that one. */
function liftBlockLimits(devices: readonly string[], { cgroups, volumeDirectory }: ReaperOptions): void {
  const { root } = cgroups.blockFiles();
  for (const device of devices) {
    const backing = tryReadBackingFile(device.replace('/dev/', ''));
    if (backing !== undefined && isVolume.test(backing) && !backing.startsWith(`${volumeDirectory}/`)) continue;
    const number = numberOfNode(device);
    if (root !== undefined) liftV1Writeback(root, number);
    liftDirtyLimit(number);
  }
}

async function clearLoopDevices(volumeDirectory: string): Promise<number> {
  let cleared = 0;
  for (let round = 0; round < settleRounds; round += 1) {
    const devices = loopDevicesUnder(volumeDirectory);
    if (devices.length === 0) break;
    if (round === 0) cleared = devices.length;
    for (const device of devices) clearLoopDevice(device);
    await delay(settleMs);
  }
  return cleared;
}

function loopDevicesUnder(directory: string): string[] {
  return readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .filter((name) => tryReadBackingFile(name)?.startsWith(`${directory}/`) === true)
    .map((name) => `/dev/${name}`);
}

function tryReadBackingFile(loop: string): string | undefined {
  const path = `/sys/block/${loop}/loop/backing_file`;
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function removeFiles(directory: string, but?: string): number {
  const names = readdirSync(directory).filter((name) => name !== but);
  for (const name of names) rmSync(join(directory, name), { recursive: true, force: true });
  return names.length;
}
