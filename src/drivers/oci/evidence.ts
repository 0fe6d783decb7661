import { readlinkSync, statSync } from 'node:fs';
import type { Evidence, Reading } from '../../evidence.ts';
import { readKernelFile, tryReadKernelFile } from '../../linux/kernel-file.ts';
import { blockEvidence } from './block-evidence.ts';
import { networkEvidence } from './network-evidence.ts';
import type { OciEnvironment } from './oci-environment.ts';

const namespaceNames = ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'time'] as const;

/** Wall by wall, what the kernel says about an environment now; each value with the file it was read from. */
export async function ociEvidence(environment: OciEnvironment): Promise<Evidence> {
  const pids = environment.cgroup.processes();
  // The function's process when there is one: PID 1 keeps the few capabilities it starts others with.
  const subject = pids.find((pid) => pid !== environment.pid) ?? environment.pid;
  return {
    environmentId: environment.id,
    pids,
    walls: {
      cgroups: environment.cgroup.readings(),
      namespaces: namespaces(subject),
      seccomp: statusFields(subject, { mode: 'Seccomp', filters: 'Seccomp_filters' }),
      privileges: statusFields(subject, {
        uid: 'Uid',
        gid: 'Gid',
        noNewPrivileges: 'NoNewPrivs',
        capabilitiesInheritable: 'CapInh',
        capabilitiesPermitted: 'CapPrm',
        capabilitiesEffective: 'CapEff',
        capabilitiesBounding: 'CapBnd',
        capabilitiesAmbient: 'CapAmb',
      }),
      limits: limits(subject),
      rootfs: mounts(subject),
      network: { ...network(subject), ...(await networkEvidence(environment.slot.network)) },
      tmp: tmp(environment),
      blockRates: blockEvidence(environment),
    },
  };
}

function namespaces(pid: number): Record<string, Reading> {
  const facts: Record<string, Reading> = {};
  for (const name of namespaceNames) {
    facts[name] = namespaceInode(`/proc/${pid}/ns/${name}`);
    facts[`${name}OfHost`] = namespaceOfHost(name);
  }
  facts['uidMap'] = file(`/proc/${pid}/uid_map`);
  facts['gidMap'] = file(`/proc/${pid}/gid_map`);
  return facts;
}

/** PID 1's; where nobody may look at it the agent's own, which are the host's but for its mounts. */
function namespaceOfHost(name: string): Reading {
  const reading = namespaceInode(`/proc/1/ns/${name}`);
  return reading.value === null ? namespaceInode(`/proc/self/ns/${name}`) : reading;
}

function namespaceInode(path: string): Reading {
  try {
    return { value: Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]), readFrom: path };
  } catch {
    return { value: null, readFrom: path };
  }
}

function statusFields(pid: number, fields: Readonly<Record<string, string>>): Record<string, Reading> {
  const path = `/proc/${pid}/status`;
  const text = tryReadKernelFile(path) ?? '';
  const read = (field: string) => new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1]?.replaceAll('\t', ' ') ?? null;
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, { value: read(field), readFrom: `${path} ${field}` }]));
}

function limits(pid: number): Record<string, Reading> {
  const path = `/proc/${pid}/limits`;
  const text = tryReadKernelFile(path) ?? '';
  const read = (title: string) => new RegExp(`^${title}\\s+(\\S+)`, 'm').exec(text)?.[1] ?? null;
  const facts = { openFiles: 'Max open files', processes: 'Max processes', coreBytes: 'Max core file size', stackBytes: 'Max stack size' };
  return Object.fromEntries(Object.entries(facts).map(([name, title]) => [name, { value: read(title), readFrom: path }]));
}

function mounts(pid: number): Record<string, Reading> {
  const path = `/proc/${pid}/mountinfo`;
  const lines = (tryReadKernelFile(path) ?? '').split('\n').filter(Boolean);
  const describe = (line: string) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , target = '', options = ''] = before.split(' ');
    return [target, `${after.split(' ')[0] ?? ''} ${options}`] as const;
  };
  return {
    mounts: { value: Object.fromEntries(lines.map(describe)), readFrom: path },
    root: { value: readLink(`/proc/${pid}/root`), readFrom: `/proc/${pid}/root` },
  };
}

function network(pid: number): Record<string, Reading> {
  const path = `/proc/${pid}/net/dev`;
  const lines = (tryReadKernelFile(path) ?? '').split('\n').slice(2);
  return {
    interfaces: { value: lines.map((line) => line.split(':')[0]?.trim() ?? ''), readFrom: path },
    routes: file(`/proc/${pid}/net/route`),
  };
}

function tmp({ slot }: OciEnvironment): Record<string, Reading> {
  const policy = slot.volume.policy();
  const from = 'FS_IOC_GET_ENCRYPTION_POLICY_EX of the volume';
  const backing = `/sys/block/${slot.volume.device.replace('/dev/', '')}/loop/backing_file`;
  return {
    device: { value: slot.volume.device, readFrom: backing },
    backingFile: { value: tryReadKernelFile(backing) ?? null, readFrom: backing },
    sizeBytes: {
      value: Number(readKernelFile(`/sys/block/${slot.volume.device.replace('/dev/', '')}/size`)) * 512,
      readFrom: `/sys/block/${slot.volume.device.replace('/dev/', '')}/size`,
    },
    contentsMode: { value: policy.contentsMode === 1 ? 'AES-256-XTS' : policy.contentsMode, readFrom: from },
    keyIdentifier: { value: policy.keyIdentifier, readFrom: from },
    ownerUid: { value: statSync(slot.volume.directory).uid, readFrom: 'stat of the volume' },
  };
}

function file(path: string): Reading {
  return { value: tryReadKernelFile(path) ?? null, readFrom: path };
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
