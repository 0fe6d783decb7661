import type { OciCgroup } from '../../isolation/cgroup/cgroup.ts';
import { initCapabilities, resourceLimits, unlimited } from '../../isolation/privileges/privileges.ts';
import { seccompConfiguration } from '../../isolation/seccomp/oci-seccomp.ts';
import { readKernelFile } from '../../linux/kernel-file.ts';
import type { IdRange } from '../../linux/user-and-time-namespace.ts';

export interface OciSpecificationOptions {
  readonly rootPath: string;
  readonly tmpPath: string;
  /** A /dev that is finished: the OCI runtime makes no devices. */
  readonly devicesPath: string;
  readonly networkNamespacePath: string;
  /** The slot's, which has the map of `idRange` already. */
  readonly userNamespacePath: string;
  readonly idRange: IdRange;
  /** What the OCI runtime does of the control group's work, if anything. */
  readonly cgroup: OciCgroup | undefined;
}

/** Before any of the host's own processes, when the host itself runs out of memory (proc(5), oom_score_adj). */
export const outOfMemoryScore = 500;

/** The OCI configuration of one environment (runtime-spec 1.0): every wall that an OCI runtime raises, as JSON text. */
export function ociSpecification(options: OciSpecificationOptions): string {
  const { firstId, count } = options.idRange;
  // Both OCI runtimes join the namespace as it is; runc wants to be told its map all the same.
  const idMap = [{ containerID: 0, hostID: firstId, size: count }];
  const { annotations, seccomp } = seccompConfiguration(process.arch);
  const specification = {
    ociVersion: '1.0.2',
    annotations,
    hostname: 'cloister',
    root: { path: options.rootPath, readonly: true },
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['/var/rapid/init'],
      env: ['PATH=/usr/bin:/bin'],
      cwd: '/',
      noNewPrivileges: true,
      capabilities: { bounding: initCapabilities, effective: initCapabilities, permitted: initCapabilities, inheritable: [], ambient: [] },
      rlimits: resourceLimits({ corePattern: readKernelFile('/proc/sys/kernel/core_pattern') }),
      oomScoreAdj: outOfMemoryScore,
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'bind', source: options.devicesPath, options: ['bind', 'ro', 'nosuid', 'noexec', 'private'] },
      { destination: '/tmp', type: 'bind', source: options.tmpPath, options: ['bind', 'rw', 'nosuid', 'nodev', 'private'] },
    ],
    linux: {
      ...options.cgroup,
      namespaces: [
        { type: 'user', path: options.userNamespacePath },
        { type: 'pid' },
        { type: 'mount' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'cgroup' },
        { type: 'network', path: options.networkNamespacePath },
      ],
      uidMappings: idMap,
      gidMappings: idMap,
      rootfsPropagation: 'private',
      seccomp,
    },
  };
  // JSON has no 64-bit integers: the one that is needed is written by hand.
  return JSON.stringify(specification, (_key, value: unknown) => (value === unlimited ? 'RLIM_INFINITY' : value)).replaceAll(
    '"RLIM_INFINITY"',
    String(unlimited),
  );
}
