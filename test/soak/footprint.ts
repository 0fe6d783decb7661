import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What an instance holds of the host when it has no environment, read from the kernel. */
export interface Footprint {
  /** But for the connections that clients keep. */
  readonly daemonDescriptors: number;
  readonly agentDescriptors: number;
  /** In the agent's mount namespace: of images, volumes and control groups. */
  readonly mounts: number;
  readonly controlGroups: number;
  /** Namespaces that a process of the instance is in, or that its agent keeps open or mounted. */
  readonly networkNamespaces: number;
  readonly loopDevices: number;
  readonly processes: number;
  readonly links: number;
}

export interface Instance {
  readonly agent: number;
  readonly daemon: number;
  /** On which the daemon listens. */
  readonly port: number;
}

export function readFootprint(instance: string, dataDirectory: string, { agent, daemon, port }: Instance): Footprint {
  return {
    daemonDescriptors: descriptors(daemon).length - clientConnections(port),
    agentDescriptors: descriptors(agent).length,
    mounts: readFileSync(`/proc/${agent}/mountinfo`, 'utf8').split('\n').length,
    controlGroups: controlGroups(instance),
    networkNamespaces: new Set([...descriptors(agent).filter((target) => target.startsWith('net:[')), ...namespacesOf(instance)]).size,
    loopDevices: readdirSync('/sys/block').filter((name) => name.startsWith('loop') && backingFile(name).startsWith(dataDirectory)).length,
    processes: processesOf(instance).length,
    links: readFileSync(`/proc/${agent}/net/dev`, 'utf8').split('\n').length,
  };
}

/** Resident memory in MiB. */
export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

/** Established connections to a port of this host's, at the side that accepted them. */
function clientConnections(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const fields = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return fields.filter(([, address, , state]) => address?.endsWith(local) === true && state === '01').length;
}

function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

function controlGroups(instance: string): number {
  // Groups of others end while find(1) looks, and it complains.
  const { stdout } = spawnSync('find', ['/sys/fs/cgroup', '-path', `*/cloister-${instance}*`, '-type', 'd'], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).length;
}

function processesOf(instance: string): string[] {
  const isOurs = new RegExp(`/cloister-${instance}(-service)?/`);
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurs.test(readOrNothing(`/proc/${name}/cgroup`)));
}

function namespacesOf(instance: string): string[] {
  return processesOf(instance).flatMap((pid) => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/net`)];
    } catch {
      return [];
    }
  });
}

function backingFile(loop: string): string {
  return readOrNothing(`/sys/block/${loop}/loop/backing_file`);
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
