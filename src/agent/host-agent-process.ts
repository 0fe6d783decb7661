import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { DriverEvent } from '../drivers/driver.ts';
import { OciDriver } from '../drivers/oci/oci-driver.ts';
import { findOciRuntime, ociPrograms, ociStateRoot } from '../drivers/oci/oci-runtime.ts';
import { type OciWalls, ociWalls } from '../drivers/oci/walls.ts';
import { CloisterError } from '../errors.ts';
import { CgroupHost } from '../isolation/cgroup/cgroup-host.ts';
import { MemoryBudget } from '../isolation/cgroup/memory-budget.ts';
import { DiskBudget } from '../isolation/encrypted-tmp/disk-budget.ts';
import { IdRanges } from '../isolation/namespace/id-range.ts';
import { ImageMounts } from '../isolation/rootfs/image-mounts.ts';
import { forbidCoreDumps } from '../linux/core-dumps.ts';
import { sendDescriptor } from '../linux/descriptor.ts';
import { hardenProcess } from '../linux/harden-process.ts';
import { lowerOutOfMemoryScore } from '../linux/out-of-memory-score.ts';
import { becomeSubreaper } from '../linux/reap-child.ts';
import { shortenTurns } from '../linux/scheduler-slice.ts';
import { findRuntime, listRuntimes } from '../runtimes/runtime-manifest.ts';
import { AgentServer } from './agent-server.ts';
import { type AgentSettings, defaultDataDirectory } from './agent-settings.ts';
import { awsSettingsOf } from './aws-section.ts';
import { concurrencySettingsOf } from './concurrency-section.ts';
import { findUser } from './confined-process.ts';
import { type DaemonProcess, type DaemonProcessOptions, startDaemon } from './daemon-process.ts';
import { DedicatedRuntimes } from './dedicated-runtimes.ts';
import { lifetimeSettingsOf } from './environments-section.ts';
import { HostBudget } from './host-budget.ts';
import { egressPolicyOf, readHostConfiguration } from './host-configuration.ts';
import { openHostNetwork } from './host-network.ts';
import { ImageBuilder } from './image-builder.ts';
import { ImageStore } from './image-store.ts';
import { type Instance, openInstance } from './instance.ts';
import type { RequestOf } from './messages.ts';
import { type Reaped, reap } from './reaper.ts';
import { SlotJournalFile } from './slot-journal-file.ts';
import { Uploads } from './uploads.ts';
import { verbHandlers } from './verbs.ts';

/** What `cloister up` prints once it serves. */
export interface ReadyLine extends RequestOf<'ready'> {
  readonly dataDir: string;
  readonly pid: number;
}

export interface RunningAgent {
  readonly reaped: Reaped;
  readonly ready: Promise<ReadyLine>;
  /** Resolves when the daemon has ended, asked to or not. */
  readonly daemonEnded: Promise<void>;
  /** Lets the daemon end what runs, for as long as its shutdown takes, then ends everything. Nothing of ours is left on the host after it. */
  stop(): Promise<void>;
}

/** What the agent is put together from; each part can be another's. */
export interface AgentParts {
  readonly start?: (options: DaemonProcessOptions) => Promise<DaemonProcess>;
  readonly walls?: OciWalls;
}

/** Of agent and daemon: the kernel ends every other process of the host before them. */
const protectedOutOfMemoryScore = -999;

/** The least that the kernel takes (linux/sched.h): of the agent, and inherited from it by the daemon and by every environment. */
const turnUs = 100;

/** The daemon needs its grace, and a moment to write what it has. */
const daemonStopMarginMs = 5_000;

/** Starts the host agent on a data directory: reaps, prepares the host, starts the daemon, which is trusted with nothing. */
export async function startHostAgent(
  settings: AgentSettings,
  log: (message: string) => void,
  { start = startDaemon, walls = ociWalls }: AgentParts = {},
): Promise<RunningAgent> {
  await using undo = new AsyncDisposableStack();
  const user = findUser('cloister');
  const builderUser = findUser('cloister-builder');
  hardenProcess();
  becomeSubreaper();
  // SECURITY: the keys of /tmp are never on a disk.
  forbidCoreDumps();
  const instance = openInstance(settings.dataDirectory);
  const { runDirectory, volumeDirectory, dataDirectory } = instance;
  const host = readHostConfiguration(join(dataDirectory, 'config.json'));
  const { maxEnvironments } = host.host;
  const cgroups = CgroupHost.open({ instance: instance.id, directory: join(runDirectory, 'cgroup') });
  const idRanges = new IdRanges(instance.idRangeDirectory, instance.id);
  const journal = new SlotJournalFile(join(dataDirectory, 'journal'));
  const store = new ImageStore(join(dataDirectory, 'images'));
  const reaped = await reap({ cgroups, idRanges, images: store, journal, volumeDirectory, runDirectory, ociPrograms: ociPrograms() });
  undo.defer(() => rmSync(join(dataDirectory, 'endpoint.json'), { force: true }));
  undo.defer(() => rmSync(runDirectory, { recursive: true, force: true }));
  // ORDER: the controllers' binds leave the run directory before it is removed.
  undo.defer(() => cgroups.close());
  cgroups.enter();
  shortenTurns(turnUs);
  const outOfMemoryScore = lowerOutOfMemoryScore(protectedOutOfMemoryScore);
  if (outOfMemoryScore !== protectedOutOfMemoryScore)
    log(`root lacks CAP_SYS_RESOURCE here: agent and daemon keep oom_score_adj ${outOfMemoryScore}, environments have more and go first`);
  const ociRuntime = await findOciRuntime(ociStateRoot(runDirectory), cgroups.mode);
  if (ociRuntime === undefined)
    throw new CloisterError('HostUnfit', 'neither crun nor runc is installed: run "cloister doctor --fix"', { operation: 'find OCI runtime' });
  const mounts = new ImageMounts(join(runDirectory, 'images'));
  let emit: (event: DriverEvent) => void = () => undefined;
  const diskBudget = new DiskBudget({
    directory: volumeDirectory,
    reserveMiB: host.host.diskReserveMiB,
    maxOvercommit: host.host.diskOvercommit,
  });
  const memoryBudget = new MemoryBudget({ reserveMiB: host.host.memoryReserveMiB });
  const budget = new HostBudget({ memory: memoryBudget, disk: diskBudget });
  const network = undo.use(await openHostNetwork({ host, runDirectory, cgroups, idRanges }));
  const driver = new OciDriver({
    runDirectory,
    volumeDirectory,
    diskBudget,
    memoryBudget,
    cgroups,
    idRanges,
    images: mounts,
    ociRuntime,
    journal,
    emit: (event) => emit(event),
    egressPolicyOf: (owner) => egressPolicyOf(host, owner),
    rateLimits: host.isolation.rateLimits,
    router: network.router,
    walls,
    onProblem: (error) => log(error instanceof Error ? error.message : String(error)),
    maxSlots: maxEnvironments,
  });
  // Runtimes are the host's: what the default data directory has serves every instance, unless its own has another of the name.
  const runtimeDirectories = [dataDirectory, defaultDataDirectory];
  const dedicatedRuntimes = new DedicatedRuntimes({ directory: join(dataDirectory, 'images', 'dedicated'), disk: diskBudget });
  // ORDER: after the driver, whose environments are mounted from them.
  undo.use(dedicatedRuntimes);
  const uploads = new Uploads();
  undo.defer(() => uploads.dropAll());
  undo.defer(() => driver.close());
  const aws = awsSettingsOf(host.aws, settings.daemon.region);
  const { responseStreams } = host;
  const daemonSettings = {
    ...settings.daemon,
    maxEnvironments,
    lifetimes: lifetimeSettingsOf(host.environments, settings.idleTimeoutMs),
    concurrency: concurrencySettingsOf(host.concurrency, {
      memoryMiB: memoryBudget.numbers().totalMiB - host.host.memoryReserveMiB,
      processors: availableParallelism(),
      maxEnvironments,
    }),
  };
  const daemon = await start({ settings: daemonSettings, aws, responseStreams, dataDirectory, runDirectory, user, cgroups, ociRuntime });
  undo.defer(() => daemon.end());
  const ready = Promise.withResolvers<ReadyLine>();
  ready.promise.catch(() => undefined);
  const ended = Promise.withResolvers<void>();
  const server = new AgentServer({
    control: daemon.control,
    sendDescriptor: (token, fd) => sendDescriptor(daemon.descriptors, token, fd),
    onEnd: () => {
      ready.reject(
        new CloisterError('AgentGone', `the daemon ended before it could serve; ${join(dataDirectory, 'daemon.log')} says why`, {
          operation: 'start daemon',
        }),
      );
      ended.resolve();
    },
    log,
    handlers: verbHandlers({
      driver,
      store,
      mounts,
      builder: new ImageBuilder({ runDirectory, cgroups, ociRuntime, user: builderUser, store }),
      uploads,
      budget,
      listRuntimes: () => listRuntimes(runtimeDirectories),
      findRuntime: (name) => findRuntime(runtimeDirectories, name),
      dedicatedRuntimes: host.isolation.dedicatedRuntime ? dedicatedRuntimes : undefined,
      onReady: (facts) => {
        const line = { ...facts, dataDir: dataDirectory, pid: process.pid };
        publish(instance, line, daemon.pid);
        ready.resolve(line);
      },
    }),
  });
  emit = (event) => server.emit(event);
  undo.use(budget.watch((event) => server.emit(event)));
  const ending = undo.move();
  const stop = async () => {
    server.emit({ event: 'shutdown' });
    await Promise.race([ended.promise, expiry(settings.daemon.shutdownGraceMs + daemonStopMarginMs)]);
    await ending.disposeAsync();
  };
  let stopping: Promise<void> | undefined;
  return {
    reaped,
    ready: ready.promise,
    daemonEnded: ended.promise,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Tells the commands of this host where the daemon is, and root its keys. */
function publish(instance: Instance, ready: ReadyLine, daemonPid: number): void {
  const { endpoint, region, accountId, pid } = ready;
  writeAtomically(join(instance.dataDirectory, 'endpoint.json'), `${JSON.stringify({ endpoint, region, accountId, pid, daemonPid })}\n`, 0o644);
  const credentials = join(instance.dataDirectory, 'credentials');
  const profile = `[default]\naws_access_key_id = ${ready.accessKeyId}\naws_secret_access_key = ${ready.secretAccessKey}\n`;
  const known = existsSync(credentials) ? readFileSync(credentials, 'utf8') : '';
  // Profiles of further accounts, which `cloister credentials create` adds, stay.
  const others = known.replace(/^\[default\][^[]*/m, '').trim();
  if (!known.includes(profile)) writeAtomically(credentials, others === '' ? profile : `${profile}\n${others}\n`, 0o600);
}

function writeAtomically(path: string, text: string, mode: number): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

function expiry(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
