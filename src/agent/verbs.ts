import type { Driver, StoredImage } from '../drivers/driver.ts';
import { CloisterError } from '../errors.ts';
import type { ImageMounts } from '../isolation/rootfs/image-mounts.ts';
import { closeAll } from '../linux/descriptor.ts';
import type { BuiltRuntime, RuntimeManifest } from '../runtimes/runtime-manifest.ts';
import type { Handlers } from './agent-server.ts';
import type { DedicatedRuntimes } from './dedicated-runtimes.ts';
import { extensionNames } from './extension-names.ts';
import type { HostBudget } from './host-budget.ts';
import type { ImageBuilder } from './image-builder.ts';
import type { ImageStore } from './image-store.ts';
import type { Owner, RequestOf, RuntimeSummary } from './messages.ts';
import type { Uploads } from './uploads.ts';

export interface VerbsOptions {
  readonly driver: Driver;
  readonly store: ImageStore;
  readonly mounts: ImageMounts;
  readonly builder: ImageBuilder;
  readonly uploads: Uploads;
  readonly budget: HostBudget;
  readonly listRuntimes: () => Promise<readonly BuiltRuntime[]>;
  readonly findRuntime: (name: string) => Promise<BuiltRuntime | undefined>;
  /** Undefined: all accounts share a runtime's file. */
  readonly dedicatedRuntimes: DedicatedRuntimes | undefined;
  readonly onReady: (facts: RequestOf<'ready'>) => void;
}

/** What each verb does. The fields have passed their schema; here they are held against what exists. */
export function verbHandlers(options: VerbsOptions): Handlers {
  const { driver, store, mounts, builder, uploads } = options;
  const findImage = (owner: Owner, image: { readonly accountId: string; readonly digest: string }): StoredImage => {
    // SECURITY: an environment only ever sees images of its owner's own part of the store, whatever the daemon says.
    if (image.accountId !== owner.accountId) throw new CloisterError('NotFound', 'the account has no such image', { operation: 'claim' });
    return store.find(image.accountId, image.digest);
  };
  return {
    openUpload: async ({ sizeBytes }, send) => {
      const { uploadId, fd } = uploads.open(sizeBytes);
      return { uploadId, descriptor: send(fd) };
    },
    buildImage: async ({ uploadId, accountId, maxUnpackedBytes }) => builder.build(uploads.openForReading(uploadId), { accountId, maxUnpackedBytes }),
    dropUpload: async ({ uploadId }) => {
      uploads.drop(uploadId);
      return {};
    },
    dropImage: async ({ accountId, digest }) => {
      if (mounts.inUse(`${accountId}-${digest}`)) throw new CloisterError('Conflict', 'an environment uses the image', { operation: 'drop image' });
      store.drop(accountId, digest);
      return {};
    },
    listRuntimes: async () => ({ runtimes: (await options.listRuntimes()).map(({ manifest }) => summary(manifest)) }),
    openSlot: async ({ driver: name, tmpSizeMiB }) => {
      if (name !== 'oci') throw new CloisterError('HostUnfit', `the driver ${name} is not there yet`, { operation: 'open slot' });
      return { slotId: await driver.openSlot({ tmpSizeMiB }) };
    },
    prepare: async ({ slotId, runtime, memorySizeMiB, accountId }) => {
      const found = await options.findRuntime(runtime);
      if (found === undefined) throw new CloisterError('NotFound', `the runtime ${runtime} is not built on this host`, { operation: 'prepare' });
      const { digest, entrypoints } = found.manifest;
      const file = await runtimeFile(options.dedicatedRuntimes, found, accountId);
      return { environmentId: await driver.prepare({ slotId, runtime: { digest, entrypoints, ...file }, memorySizeMiB, accountId }) };
    },
    claim: async ({ environmentId, owner, codeDigest, layers }, send) => {
      const code = findImage(owner, { accountId: owner.accountId, digest: codeDigest });
      const ends = await driver.claim(environmentId, { owner, code, layers: layers.map((layer) => findImage(owner, layer)) });
      const { runtimeApi, stdout, stderr, extensionOutput, memoryPeak, freezer, freezerWords } = ends;
      return {
        runtimeApi: send(runtimeApi),
        stdout: send(stdout),
        stderr: send(stderr),
        extensionOutput: send(extensionOutput),
        memoryPeak: send(memoryPeak),
        freezer: send(freezer),
        freezerWords,
      };
    },
    listExtensions: async ({ environmentId }) => ({ names: extensionNames(await driver.listExtensions(environmentId)) }),
    start: async ({ environmentId, process, environment }) => ({ processId: await driver.start(environmentId, process, environment) }),
    signal: async ({ environmentId, processId, signal }) => done(driver.signal(environmentId, processId, signal)),
    connect: async ({ environmentId, port }, send) => {
      const fd = await driver.connect(environmentId, port);
      try {
        return { descriptor: send(fd) };
      } finally {
        closeAll(fd);
      }
    },
    reset: async ({ environmentId }) => done(driver.reset(environmentId)),
    freeze: async ({ environmentId }) => done(driver.freeze(environmentId)),
    thaw: async ({ environmentId }) => done(driver.thaw(environmentId)),
    setLimits: async ({ environmentId, phase }) => done(driver.setLimits(environmentId, phase)),
    processes: async ({ environmentId }) => ({ pids: await driver.processes(environmentId) }),
    evidence: async ({ environmentId }) => driver.evidence(environmentId),
    destroy: async ({ id }) => done(driver.destroy(id)),
    budget: async () => options.budget.numbers(),
    ready: async (facts) => {
      options.onReady(facts);
      return {};
    },
  };
}

/** The file an environment's runtime is mounted from. */
async function runtimeFile(
  dedicated: DedicatedRuntimes | undefined,
  found: BuiltRuntime,
  accountId: string | undefined,
): Promise<{ readonly key: string; readonly imagePath: string }> {
  const { digest } = found.manifest;
  if (dedicated === undefined) return { key: `runtime-${digest}`, imagePath: found.imagePath };
  if (accountId === undefined)
    throw new CloisterError('Conflict', 'runtimes are dedicated here: an environment is prepared for one account', { operation: 'prepare' });
  return { key: `runtime-${accountId}-${digest}`, imagePath: await dedicated.path(accountId, found) };
}

async function done(work: Promise<void>): Promise<Record<string, never>> {
  await work;
  return {};
}

function summary(manifest: RuntimeManifest): RuntimeSummary {
  const { name, digest, base, versionLabel, executionEnvironment, variables, createdAt } = manifest;
  return { name, digest, base, versionLabel, variables, createdAt, ...(executionEnvironment !== undefined && { executionEnvironment }) };
}
