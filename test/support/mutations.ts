import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { OciWalls } from '../../src/drivers/oci/walls.ts';
import type { CgroupLimits } from '../../src/isolation/cgroup/cgroup.ts';
import type { TmpVolume } from '../../src/isolation/encrypted-tmp/tmp-volume.ts';
import type { VolumeTemplate } from '../../src/isolation/encrypted-tmp/volume-template.ts';
import { closeAll } from '../../src/linux/descriptor.ts';
import { attachLoopDevice } from '../../src/linux/loop-device.ts';
import { cloneMount, mount, mountFlags, unmount } from '../../src/linux/mount.ts';
import { FlatNetwork } from './flat-network.ts';

/** The parts of an OCI configuration that mutations change. */
interface Specification {
  annotations?: unknown;
  root: { path: string; readonly: boolean };
  hostname?: string;
  process: {
    noNewPrivileges: boolean;
    capabilities: Record<string, readonly string[]>;
    rlimits: { type: string; soft: number; hard: number }[];
    oomScoreAdj?: number;
  };
  mounts: { destination: string; type: string; source: string; options: string[] }[];
  linux: {
    namespaces: { type: string; path?: string }[];
    uidMappings?: unknown;
    gidMappings?: unknown;
    seccomp?: unknown;
  };
}

/** One wall, or several that stand behind one another, taken away: everything else is as it is. */
export interface Mutation {
  readonly name: string;
  readonly takesAway: string;
  readonly apply: (walls: OciWalls) => OciWalls;
}

const everyCapability = ownCapabilities();

/** Mutations by name. Several attacks meet more than one wall: the compound ones take all of these away, and still nothing else. */
export const mutations: readonly Mutation[] = [
  specification('seccomp', 'the seccomp filter', (one) => {
    withoutFilter(one);
  }),
  specification('capabilities', 'the emptying of capability sets and the change of user', keepCapabilities),
  specification('no-new-privileges', 'no_new_privs, and the filter, which crun lets refuse its own calls without it', (one) => {
    one.process.noNewPrivileges = false;
    withoutFilter(one);
  }),
  specification('rlimits', 'resource limits', (one) => {
    one.process.rlimits = [
      { type: 'RLIMIT_NOFILE', soft: 4_096, hard: 4_096 },
      { type: 'RLIMIT_NPROC', soft: 4_096, hard: 4_096 },
    ];
  }),
  specification('descriptors', 'the closing of descriptors, and /dev/null as standard input', (one) => {
    mutateInit(one, [
      ['fcntl(fd, F_SETFD, FD_CLOEXEC) != 0', 'fcntl(fd, F_SETFD, 0) != 0'],
      ['for (int fd = 0; fd <= 2; fd++)', 'for (int fd = 1; fd <= 2; fd++)'],
    ]);
  }),
  specification('user-namespace', 'the user namespace', withoutUserNamespace),
  specification('pid-namespace', 'the pid namespace', (one) => {
    dropNamespace(one, 'pid');
    // A fresh /proc shows only pid namespaces of one's own, so the host's is bound.
    one.mounts = one.mounts.map((each) =>
      each.destination === '/proc' ? { ...each, type: 'bind', source: '/proc', options: ['rbind', 'ro'] } : each,
    );
    mutateInit(one, [['if (getpid() != 1)', 'if (0)']]);
  }),
  specification('ipc-namespace', 'the ipc namespace', (one) => dropNamespace(one, 'ipc')),
  specification('uts-namespace', 'the uts namespace', (one) => {
    dropNamespace(one, 'uts');
    // ORDER: without one of its own the name would be set on the host.
    delete one.hostname;
  }),
  specification('cgroup-namespace', 'the cgroup namespace', (one) => dropNamespace(one, 'cgroup')),
  flatNetwork('flat-network', 'whatever is between environments: all are on one bridge, and everything answers'),
  combine('flat-network-without-filter', 'the same, and the seccomp filter', [flatNetwork('', ''), specification('', '', withoutFilter)]),
  { name: 'block-rate', takesAway: 'the token buckets of block devices', apply: withoutBlockRate },
  { name: 'time-namespace', takesAway: 'the time namespace', apply: (walls) => ({ ...walls, timeNamespacePath: () => undefined }) },
  { name: 'masked-paths', takesAway: 'the covers over files of /proc', apply: withoutCovers },
  specification('writable-directory', 'the rule that only /tmp can be written', (one) => {
    one.mounts.push({ destination: '/home', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777', 'size=1m'] });
  }),
  withDevices(
    specification('host-root', 'the hiding of the host: its root is bound at /home, and every device may be opened', (one) => {
      one.mounts.push({ destination: '/home', type: 'bind', source: '/', options: ['rbind', 'rw'] });
    }),
  ),
  {
    name: 'memory-limit',
    takesAway: 'the memory limit',
    apply: (walls) => limits(walls, ({ memorySizeMiB, ...rest }) => ({ ...rest, memorySizeMiB: memorySizeMiB * 4 })),
  },
  combine('process-limit', 'the limits of processes, of the control group and of the user', [
    { name: '', takesAway: '', apply: (walls) => limits(walls, (one) => ({ ...one, maxProcesses: 8_192 })) },
    specification('', '', (one) => {
      one.process.rlimits = one.process.rlimits.filter(({ type }) => type !== 'RLIMIT_NPROC');
    }),
  ]),
  {
    name: 'cpu-bandwidth',
    takesAway: 'the CPU bandwidth limit',
    apply: (walls) => ({
      ...walls,
      group: (...args) => {
        const group = walls.group(...args);
        group.setCpuQuota = () => undefined;
        return group;
      },
    }),
  },
  withDevices(
    combine(
      'root-of-the-host',
      'seccomp, capabilities, user namespace, read-only and masked paths, devices: a root of the host, in a root that can be written',
      [
        { name: '', takesAway: '', apply: withoutCovers },
        specification('', '', (one) => {
          withoutFilter(one);
          keepCapabilities(one);
          withoutUserNamespace(one);
          one.process.noNewPrivileges = false;
          one.process.rlimits = [];
          one.root = { path: writableCopyOf(one.root.path), readonly: false };
          // An id-mapped mount lets nobody write whose id it does not map: the volume's own directory does.
          one.mounts = one.mounts.map((each) =>
            each.destination === '/tmp'
              ? { ...each, source: join(dirname(each.source), 'volume', 'tmp'), options: ['bind', 'rw', 'suid', 'dev'] }
              : each,
          );
          one.mounts.push({ destination: '/home', type: 'bind', source: '/', options: ['rbind', 'rw'] });
        }),
      ],
    ),
  ),
];

const networkAttacks = ['neighbour-tcp', 'scan', 'router', 'host', 'link-local', 'private'].map((name) => `network.${name}`);
const withEgress = networkAttacks.map((id) => `${id}-with-egress`);

/** What takes seconds is attacked only where its wall is away. */
export const slowAttacksOf: Readonly<Record<string, readonly string[]>> = {
  'flat-network': [...networkAttacks, ...withEgress],
  'flat-network-without-filter': ['network.neighbour-udp', 'network.neighbour-ipv6', 'network.ping'].flatMap((id) => [id, `${id}-with-egress`]),
  'memory-limit': ['cgroups.memory-bomb', 'cgroups.socket-bomb'],
  'process-limit': ['cgroups.fork-bomb'],
  'cpu-bandwidth': ['cgroups.cpu-bomb', 'cgroups.cpu-share', 'cgroups.signal-storm'],
  rlimits: ['privileges.descriptor-bomb'],
  'runtime-api-bounds': ['runtime-api.slow-requests', 'runtime-api.malformed-requests'],
  'block-rate': ['rate-limits.block-write'],
  'log-budget': ['runtime-api.log-flood'],
  'invocation-time-out': ['runtime-api.stopped-process'],
  'tmp-size': ['tmp.fill', 'tmp.inodes'],
};

export const tmpMutationNames = ['tmp-size', 'tmp-encryption'] as const;

/** Volumes of /tmp without one of their properties; they need a template first. */
export function tmpMutations(bigger: VolumeTemplate): readonly Mutation[] {
  return [
    {
      name: 'tmp-size',
      takesAway: "the size of /tmp's volume",
      apply: (walls) => ({ ...walls, openVolume: (options) => walls.openVolume({ ...options, template: bigger, preallocate: false }) }),
    },
    { name: 'tmp-encryption', takesAway: 'the encryption of /tmp', apply: (walls) => ({ ...walls, openVolume: openPlainVolume }) },
  ];
}

function specification(name: string, takesAway: string, edit: (specification: Specification) => void): Mutation {
  const apply = (walls: OciWalls): OciWalls => ({
    ...walls,
    specification: (options) => {
      const parsed = JSON.parse(walls.specification(options)) as Specification;
      edit(parsed);
      // JSON.parse rounds RLIM_INFINITY up by one.
      return JSON.stringify(parsed).replaceAll('18446744073709552000', '18446744073709551615');
    },
  });
  return { name, takesAway, apply };
}

function withoutCovers(walls: OciWalls): OciWalls {
  return { ...walls, hidePaths: () => undefined };
}

function flatNetwork(name: string, takesAway: string): Mutation {
  const apply = (walls: OciWalls): OciWalls => {
    const flat = new FlatNetwork();
    process.on('exit', () => flat.close());
    return {
      ...walls,
      openNetwork: async (...args) => {
        const network = await walls.openNetwork(...args);
        flat.connect(network.namespace);
        return network;
      },
    };
  };
  return { name, takesAway, apply };
}

function withoutBlockRate(walls: OciWalls): OciWalls {
  return { ...walls, limitBlocks: (options, disks) => walls.limitBlocks({ ...options, limiter: {} }, disks) };
}

function combine(name: string, takesAway: string, parts: readonly Mutation[]): Mutation {
  return { name, takesAway, apply: (walls) => parts.reduce((changed, part) => part.apply(changed), walls) };
}

function limits(walls: OciWalls, change: (limits: CgroupLimits) => CgroupLimits): OciWalls {
  return {
    ...walls,
    group: (...args) => {
      const group = walls.group(...args);
      const create = group.create.bind(group);
      group.create = (asked) => create(asked === undefined ? undefined : change(asked));
      return group;
    },
  };
}

function withDevices(mutation: Mutation): Mutation {
  const allowAll = (walls: OciWalls): OciWalls => ({
    ...walls,
    group: (...args) => {
      const group = walls.group(...args);
      const attach = group.attach.bind(group);
      group.attach = (pid) => {
        attach(pid);
        const path = /^\d+:devices:(.+)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
        const root = / (\/\S*\/devices) .* - cgroup /.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1];
        if (path !== undefined && root !== undefined) writeFileSync(join(root, path, 'devices.allow'), 'a');
      };
      return group;
    },
  });
  return { ...mutation, apply: (walls) => allowAll(mutation.apply(walls)) };
}

function withoutFilter(one: Specification): void {
  delete one.linux.seccomp;
  // The program itself, compiled, that crun takes before it looks at the table.
  delete one.annotations;
}

function dropNamespace(one: Specification, type: string): void {
  one.linux.namespaces = one.linux.namespaces.filter((namespace) => namespace.type !== type);
}

function withoutUserNamespace(one: Specification): void {
  dropNamespace(one, 'user');
  delete one.linux.uidMappings;
  delete one.linux.gidMappings;
}

function keepCapabilities(one: Specification): void {
  one.process.capabilities = {
    bounding: everyCapability,
    effective: everyCapability,
    permitted: everyCapability,
    inheritable: everyCapability,
    ambient: everyCapability,
  };
  mutateInit(one, [
    ['if (drop_bounding_set() != 0 || setgroups(0, NULL) != 0)', 'if (0 && (drop_bounding_set() != 0 || setgroups(0, NULL) != 0))'],
    ['if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)', 'if (0)'],
    ['\tclear_capabilities();\n', '\tif (0)\n\t\tclear_capabilities();\n'],
  ]);
}

const initPrograms = new Map<string, string>();

/** PID 1 with some of its lines changed, bound over the real one. */
function mutateInit(one: Specification, changes: readonly (readonly [from: string, to: string])[]): void {
  const key = JSON.stringify(changes);
  let program = initPrograms.get(key);
  if (program === undefined) {
    let source = readFileSync(new URL('../../src/guest/init.c', import.meta.url), 'utf8');
    for (const [from, to] of changes) {
      if (!source.includes(from)) throw new Error(`PID 1 has no line ${from}`);
      source = source.replace(from, to);
    }
    const directory = mkdtempSync(join(tmpdir(), 'mutant-init-'));
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
    execFileSync('chmod', ['0755', directory]);
    program = join(directory, 'init');
    execFileSync('gcc', ['-static', '-Os', '-x', 'c', '-o', program, '-'], { input: source });
    execFileSync('chmod', ['0755', program]);
    initPrograms.set(key, program);
  }
  one.mounts.push({ destination: '/var/rapid/init', type: 'bind', source: program, options: ['bind', 'ro'] });
}

let copies = 0;

/** The image under an overlay in memory: everything can be written, the image stays as it is. */
function writableCopyOf(root: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'mutant-root-'));
  // The mounts end with the agent's mount namespace; the directory is empty for everybody else.
  process.on('exit', () => execFileSync('sh', ['-c', `umount -R ${directory}; rmdir ${directory}`]));
  copies += 1;
  mount({ source: 'tmpfs', target: directory, type: 'tmpfs', flags: 0, data: 'mode=755' });
  for (const name of ['upper', 'work', 'root']) {
    mkdirSync(join(directory, name));
    // The agent's umask leaves nothing to others.
    execFileSync('chmod', ['0755', join(directory, name)]);
  }
  const data = `lowerdir=${root},upperdir=${join(directory, 'upper')},workdir=${join(directory, 'work')}`;
  mount({ source: `overlay-${copies}`, target: join(directory, 'root'), type: 'overlay', flags: 0, data });
  return join(directory, 'root');
}

/** What TmpVolume does, but for the key and the policy. */
function openPlainVolume({ template, imagePath, mountPoint }: Parameters<OciWalls['openVolume']>[0]): TmpVolume {
  const image = Buffer.alloc(template.sizeMiB * 1024 * 1024);
  for (const { offset, bytes } of template.blocks) bytes.copy(image, offset);
  writeFileSync(imagePath, image);
  const fd = openSync(imagePath, 'r+');
  const loop = attachLoopDevice(fd, imagePath);
  mkdirSync(mountPoint, { recursive: true, mode: 0o700 });
  mount({ source: loop.device, target: mountPoint, type: 'ext4', flags: mountFlags.noSetuid | mountFlags.noDevices });
  closeAll(loop.fd, fd);
  const directory = join(mountPoint, 'tmp');
  const volume = {
    device: loop.device,
    sizeMiB: template.sizeMiB,
    directory,
    cloneMount: (userNamespace: number) => cloneMount(directory, { readOnly: false, userNamespace }),
    policy: () => ({ contentsMode: 0, keyIdentifier: '' }),
    close: () => {
      unmount(mountPoint);
      rmdirSync(mountPoint);
      rmSync(imagePath, { force: true });
    },
  };
  return volume as unknown as TmpVolume;
}

/** The capabilities that this host's root has, by name (linux/capability.h gives the order). */
function ownCapabilities(): string[] {
  const names =
    'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE';
  const own = BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`);
  return names.split(' ').flatMap((name, bit) => (((own >> BigInt(bit)) & 1n) === 1n ? [`CAP_${name}`] : []));
}
