import { chownSync, existsSync, mkdirSync, openSync, realpathSync, statSync, truncateSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { AwsSettings } from '../aws/aws-settings.ts';
import type { OciRuntime } from '../drivers/oci/oci-runtime.ts';
import type { ConcurrencySettings } from '../functions/concurrency-settings.ts';
import type { LifetimeSettings } from '../functions/environment-lifetime.ts';
import { type CgroupHost, daemonMemoryMiB } from '../isolation/cgroup/cgroup-host.ts';
import { closeAll, makeSocketPair } from '../linux/descriptor.ts';
import { readKernelFile } from '../linux/kernel-file.ts';
import { type BoundPath, ConfinedProcess, type UserIds } from './confined-process.ts';
import type { HostConfiguration } from './host-configuration.ts';
import { nodePath, nodeProgramFiles, programPath } from './program-files.ts';

/** What the daemon is told at its start; it checks it against its own schema (src/daemon). */
export interface DaemonSettings {
  readonly listenHost: string;
  readonly listenPort: number;
  readonly region: string;
  readonly lifetimes: LifetimeSettings;
  readonly maxEnvironments: number;
  readonly concurrency: ConcurrencySettings;
  readonly shutdownGraceMs: number;
}

export interface DaemonProcessOptions {
  readonly settings: DaemonSettings;
  /** Where its own calls go; without it, it makes none. */
  readonly aws: AwsSettings | undefined;
  readonly responseStreams: HostConfiguration['responseStreams'];
  readonly dataDirectory: string;
  readonly runDirectory: string;
  readonly user: UserIds;
  readonly cgroups: CgroupHost;
  readonly ociRuntime: OciRuntime;
}

const daemonDirectories = ['db', 'logs', 'archives'] as const;
const memoryMiB = 4_096;
const wantedOpenFiles = 65_536;
const keptLogBytes = 16 * 1024 * 1024;

/** The daemon as a process without any power, and the agent's ends of the two socketpairs to it. */
export interface DaemonProcess {
  readonly pid: number;
  readonly control: Socket;
  readonly descriptors: number;
  end(): Promise<void>;
}

/**
 * Starts the daemon as the user cloister, on the host's network, in a mount namespace that holds Node, its libraries, our code, and of the data
 * directory only its database, logs and archives.
 */
export async function startDaemon(options: DaemonProcessOptions): Promise<DaemonProcess> {
  await using undo = new AsyncDisposableStack();
  const { dataDirectory, user } = options;
  for (const name of daemonDirectories) {
    mkdirSync(join(dataDirectory, name), { recursive: true, mode: 0o700 });
    chownSync(join(dataDirectory, name), user.uid, user.gid);
  }
  const control = makeSocketPair('stream');
  const descriptors = makeSocketPair('seqpacket');
  undo.defer(() => closeAll(descriptors.first));
  const output = openLog(join(dataDirectory, 'daemon.log'));
  const aws = options.aws === undefined ? {} : { aws: options.aws };
  const { settings, responseStreams } = options;
  const configuration = { ...settings, ...aws, responseStreams, dataDirectory: '/data', agentControl: 3, agentDescriptors: 4 };
  const daemon = await ConfinedProcess.start({
    id: 'daemon',
    directory: join(options.runDirectory, 'daemon'),
    user,
    args: [nodePath, '--disable-warning=ExperimentalWarning', programPath('daemon/main')],
    environment: {
      CLOISTER_DAEMON: JSON.stringify(configuration),
      TZ: 'UTC',
      LANG: 'C.UTF-8',
      SQLITE_TMPDIR: '/data/db',
      // The AWS SDK asks for a home directory, and would ask the instance's metadata.
      HOME: '/nonexistent',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    binds: [
      ...(await nodeProgramFiles()),
      ...(options.aws === undefined ? [] : nameResolution()),
      ...daemonDirectories.map((name) => ({ source: join(dataDirectory, name), target: `/data/${name}`, writable: true })),
    ],
    hostNetwork: true,
    limits: { RLIMIT_NOFILE: openFilesLimit(), RLIMIT_CORE: 0 },
    descriptors: [control.second, descriptors.second],
    output,
    cgroup: options.cgroups.group('daemon'),
    memoryMiB,
    maxProcesses: 256,
    protectedMemoryMiB: daemonMemoryMiB,
    ociRuntime: options.ociRuntime,
  }).finally(() => closeAll(control.second, descriptors.second, output));
  undo.defer(() => daemon.end());
  const socket = new Socket({ fd: control.first, readable: true, writable: true });
  undo.defer(() => {
    socket.destroy();
  });
  const ending = undo.move();
  return { pid: daemon.pid, control: socket, descriptors: descriptors.first, end: () => ending.disposeAsync() };
}

/** What getaddrinfo(3) reads, as it is at the start: a daemon that calls nobody resolves no name. */
function nameResolution(): BoundPath[] {
  const files = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf'].filter((path) => existsSync(path));
  return files.map((path) => ({ source: realpathSync(path), target: path }));
}

/** Five descriptors for each environment, some for connections into it, and one for each client; the agent can't give more than it has itself. */
function openFilesLimit(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readKernelFile('/proc/self/limits'))?.[1];
  return Math.min(wantedOpenFiles, hard === undefined || hard === 'unlimited' ? wantedOpenFiles : Number(hard));
}

/** What the daemon has to say beside its answers: warnings and failures. */
function openLog(path: string): number {
  try {
    if (statSync(path).size > keptLogBytes) truncateSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return openSync(path, 'a', 0o600);
}
