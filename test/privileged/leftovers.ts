import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What of Cloister there is on the host now, read from the kernel: not from Cloister. */
export interface HostCount {
  readonly processes: readonly string[];
  readonly controlGroups: readonly string[];
  readonly loopDevices: readonly string[];
  readonly mounts: readonly string[];
  readonly networkNamespaces: number;
  readonly runFiles: readonly string[];
}

/** Counts everything that names this instance's data or run directory, or whose ids are in Cloister's ranges. */
export function countOnHost(dataDirectory: string, instance: string): HostCount {
  const runDirectory = `/run/cloister/${instance}`;
  const mentions = (text: string) => text.includes(dataDirectory) || text.includes(runDirectory) || text.includes(`cloister-${instance}`);
  return {
    processes: processes((pid) => mentions(read(`/proc/${pid}/cmdline`)) || mentions(read(`/proc/${pid}/cgroup`))),
    controlGroups: controlGroups().filter((path) => new RegExp(`/cloister-${instance}(-service)?$`).test(path)),
    loopDevices: readdirSync('/sys/block').filter((name) => name.startsWith('loop') && mentions(read(`/sys/block/${name}/loop/backing_file`))),
    mounts: read('/proc/self/mountinfo').split('\n').filter(mentions),
    networkNamespaces: networkNamespaces(instance),
    runFiles: existsSync(runDirectory) ? readdirSync(runDirectory) : [],
  };
}

/** Network namespaces that have a name, or that a process is in, but for processes of another instance: a namespace itself carries no name. */
function networkNamespaces(instance: string): number {
  const named = execFileSync('ip', ['netns', 'list']).toString().split('\n').filter(Boolean).length;
  const links = readdirSync('/proc').flatMap((name) => {
    try {
      if (!/^\d+$/.test(name) || isOfAnother(read(`/proc/${name}/cgroup`), instance)) return [];
      return [readlinkSync(`/proc/${name}/ns/net`)];
    } catch {
      return [];
    }
  });
  return named + new Set(links).size;
}

function isOfAnother(cgroups: string, instance: string): boolean {
  return cgroups.includes('/cloister-') && !cgroups.includes(`/cloister-${instance}/`) && !cgroups.includes(`/cloister-${instance}-service/`);
}

function processes(isOurs: (pid: string) => boolean): string[] {
  return readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && name !== String(process.pid) && isOurs(name) && !/^State:\s+Z/m.test(read(`/proc/${name}/status`)),
  );
}

function controlGroups(): string[] {
  const roots = read('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '');
  return roots.flatMap((root) => readdirSync(root).map((name) => `${root}/${name}`));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
