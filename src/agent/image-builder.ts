import { randomBytes } from 'node:crypto';
import { mkdirSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { OciRuntime } from '../drivers/oci/oci-runtime.ts';
import { outOfMemoryScore } from '../drivers/oci/oci-specification.ts';
import { CloisterError } from '../errors.ts';
import type { CgroupHost } from '../isolation/cgroup/cgroup-host.ts';
import { closeAll, makePipe } from '../linux/descriptor.ts';
import { type BuilderReport, builderReport, maxReportBytes } from './builder/report.ts';
import { type BoundPath, ConfinedProcess, type UserIds } from './confined-process.ts';
import type { ImageStore } from './image-store.ts';
import { hostProgramFiles, nodePath, nodeProgramFiles, programPath } from './program-files.ts';

const memoryMiB = 1_024;
const scratchMiB = 640;
const timeoutMs = 120_000;
const maxAtOnce = 2;

/** RLIMIT_NPROC counts all processes of the builder's user, so it allows for several jobs; the cgroup limits each. */
const limits = { RLIMIT_FSIZE: 536_870_912, RLIMIT_CPU: 120, RLIMIT_NOFILE: 256, RLIMIT_NPROC: 256, RLIMIT_CORE: 0 };

export interface ImageBuilderOptions {
  readonly runDirectory: string;
  readonly cgroups: CgroupHost;
  readonly ociRuntime: OciRuntime;
  readonly user: UserIds;
  readonly store: ImageStore;
}

/** Runs the builder program, one short process per image: own user, no network, no capability, limits of memory, time and files. */
export class ImageBuilder {
  readonly #options: ImageBuilderOptions;
  #files: Promise<BoundPath[]> | undefined;
  #running = 0;
  readonly #queue: (() => void)[] = [];

  constructor(options: ImageBuilderOptions) {
    this.#options = options;
  }

  /** Takes over `archive`, a read-only descriptor, and closes it. Rejects with the builder's own code when the archive is at fault. */
  async build(
    archive: number,
    options: { readonly accountId: string; readonly maxUnpackedBytes: number },
  ): Promise<{ digest: string; unpackedBytes: number; imageBytes: number }> {
    await using undo = new AsyncDisposableStack();
    undo.defer(() => closeAll(archive));
    await this.#enter();
    undo.defer(() => this.#leave());
    const { store, user } = this.#options;
    const image = store.beginImage(user);
    undo.defer(() => rmSync(image.path, { force: true }));
    undo.defer(() => closeAll(image.fd));
    const report = await this.#run(archive, image.fd, options.maxUnpackedBytes);
    if (!report.ok) throw new CloisterError(report.code, report.reason, { operation: 'build image' });
    const { digest, imageBytes } = await store.finishImage(image.path, options.accountId);
    return { digest, imageBytes, unpackedBytes: report.unpackedBytes };
  }

  async #run(archive: number, image: number, maxUnpackedBytes: number): Promise<BuilderReport> {
    await using undo = new AsyncDisposableStack();
    const { runDirectory, cgroups, ociRuntime, user } = this.#options;
    const id = `build-${randomBytes(8).toString('hex')}`;
    const directory = join(runDirectory, id);
    mkdirSync(directory, { mode: 0o700 });
    const output = openSync(join(directory, 'output'), 'wx', 0o600);
    undo.defer(() => closeAll(output));
    const report = makePipe();
    const started = ConfinedProcess.start({
      id,
      directory,
      user,
      args: [
        nodePath,
        '--disable-warning=ExperimentalWarning',
        programPath('agent/builder/main'),
        '--kind',
        'zip',
        '--max-unpacked-bytes',
        String(maxUnpackedBytes),
      ],
      environment: { PATH: '/usr/bin', NODE_OPTIONS: '--max-old-space-size=256' },
      binds: await this.#programFiles(),
      scratchMiB,
      hostNetwork: false,
      limits,
      descriptors: [archive, image, report.write],
      output,
      cgroup: cgroups.group(id),
      memoryMiB,
      maxProcesses: 64,
      outOfMemoryScore,
      ociRuntime,
    }).finally(() => closeAll(report.write));
    const reading = readReport(report.read, timeoutMs);
    reading.catch(() => undefined);
    const builder = await started;
    undo.defer(() => builder.end());
    return await reading;
  }

  #programFiles(): Promise<BoundPath[]> {
    this.#files ??= Promise.all([nodeProgramFiles(), hostProgramFiles('/usr/bin/mkfs.erofs')]).then((lists) => uniqueTargets(lists.flat()));
    return this.#files;
  }

  async #enter(): Promise<void> {
    if (this.#running >= maxAtOnce) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#running += 1;
  }

  #leave(): void {
    this.#running -= 1;
    this.#queue.shift()?.();
  }
}

/** SECURITY: at most 1 KiB is taken, and it must be a report of the schema. The pipe's end is the builder's end. */
async function readReport(fd: number, limitMs: number): Promise<BuilderReport> {
  const pipe = new Socket({ fd, readable: true, writable: false });
  const timer = setTimeout(() => pipe.destroy(new CloisterError('ArchiveTooLarge', 'OutOfTime', { operation: 'build image' })), limitMs);
  let text = '';
  try {
    for await (const chunk of pipe) {
      text += (chunk as Buffer).toString('latin1');
      if (text.length > maxReportBytes) break;
    }
  } finally {
    clearTimeout(timer);
    pipe.destroy();
  }
  try {
    return builderReport.parse(JSON.parse(text));
  } catch (cause) {
    throw new CloisterError('BuilderFailed', 'the builder ended without a report', { operation: 'build image', cause });
  }
}

function uniqueTargets(files: readonly BoundPath[]): BoundPath[] {
  return [...new Map(files.map((file) => [file.target, file])).values()];
}
