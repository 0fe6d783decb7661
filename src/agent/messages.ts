/**
 * The messages between the daemon (untrusted) and the host agent (root): length-framed JSON of at most 64 KiB, each field checked by the
 * agent against these rules. No message carries a command, a path or an OCI specification.
 */
import { z } from 'zod';
import type { Evidence } from '../evidence.ts';

export const maxFrameBytes = 65_536;

export const accountId = z.string().regex(/^\d{12}$/);
export const digest = z.string().regex(/^[0-9a-f]{64}$/);
export const environmentId = z.string().regex(/^env-[0-9a-f]{16}$/);
export const slotId = z.string().regex(/^slot-\d{1,12}$/);
export const uploadId = z.string().regex(/^up-[0-9a-f]{16}$/);
/** A file name directly in /opt/extensions: nothing that is a path, an option or a line of its own in a log. */
export const extensionName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+=@~-]{0,127}$/);
/** What one look at /opt/extensions tells at most; more than Lambda's 10, so that too many are seen to be too many. */
export const maxListedExtensions = 64;
export const runtimeName = z.string().regex(/^[a-z][a-z0-9.-]{1,39}$/);
const functionName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const versionName = z.string().regex(/^(\$LATEST|[1-9]\d{0,14})$/);
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/);
/** A NUL would end the variable early in execve(2). */
const variableValue = z
  .string()
  .max(8_192)
  .refine((value) => !value.includes('\0'));

/** PID 1's number for a process of its environment. */
const processId = z.int().min(1).max(0xffff_ffff);

const driver = z.enum(['oci', 'microvm']);
const memorySizeMiB = z.int().min(128).max(32_768);
const tmpSizeMiB = z.int().min(512).max(32_768);
/** Lambda's pattern of X-Amz-Tenant-Id. */
const tenantId = z.string().regex(/^[a-zA-Z0-9._:/=+\-@ ]{1,256}$/);
const owner = z.strictObject({ accountId, functionName, version: versionName, tenantId: tenantId.exactOptional() });
export type Owner = z.infer<typeof owner>;
const processToStart = z.union([
  z.strictObject({ kind: z.literal('runtime') }),
  z.strictObject({ kind: z.literal('extension'), name: extensionName }),
]);
export type ProcessToStart = z.infer<typeof processToStart>;

/** One schema per verb: what the daemon may ask. */
export const requestSchemas = {
  /** A sealed memory file of exactly `sizeBytes` to write an archive into; answered with a descriptor. */
  openUpload: z.strictObject({ sizeBytes: z.int().min(1).max(262_144_000) }),
  /** Runs the builder over a finished upload and stores the image under the account. */
  buildImage: z.strictObject({ uploadId, accountId, maxUnpackedBytes: z.int().min(1).max(262_144_000) }),
  dropUpload: z.strictObject({ uploadId }),
  dropImage: z.strictObject({ accountId, digest }),
  listRuntimes: z.strictObject({}),
  openSlot: z.strictObject({ driver, tmpSizeMiB }),
  /** `accountId`: whose it is to be; no other account can claim it then. With `isolation.dedicatedRuntime` it must be told. */
  prepare: z.strictObject({ slotId, runtime: runtimeName, memorySizeMiB, accountId: accountId.exactOptional() }),
  claim: z.strictObject({
    environmentId,
    owner,
    codeDigest: digest,
    layers: z.array(z.strictObject({ accountId, digest })).max(5),
  }),
  /** The external extensions: files and links directly in /opt/extensions. */
  listExtensions: z.strictObject({ environmentId }),
  /** Starts the runtime's entry point in /var/task, or an extension in /, as sbx_user1051 with exactly these variables. Thaws. */
  start: z.strictObject({ environmentId, process: processToStart, environment: z.record(variableName, variableValue) }),
  /** To the process group of what start() started; one that has ended is left alone. Thaws. */
  signal: z.strictObject({ environmentId, processId, signal: z.enum(['SIGTERM', 'SIGKILL']) }),
  /** A connection to 127.0.0.1 of the environment's network namespace and nothing else; answered with a descriptor. */
  connect: z.strictObject({ environmentId, port: z.int().min(1).max(65_535) }),
  /** Kills every process but PID 1; slot and /tmp stay. Thaws. */
  reset: z.strictObject({ environmentId }),
  freeze: z.strictObject({ environmentId }),
  thaw: z.strictObject({ environmentId }),
  /** `invoke` sets the CPU quota by memory size; `init` gives at least one processor, as Lambda does while a function initialises. */
  setLimits: z.strictObject({ environmentId, phase: z.enum(['init', 'invoke']) }),
  /** Which processes it has: quick, where evidence reads every wall. */
  processes: z.strictObject({ environmentId }),
  evidence: z.strictObject({ environmentId }),
  destroy: z.strictObject({ id: z.union([environmentId, slotId]) }),
  /** What the host has for environments. */
  budget: z.strictObject({}),
  /** Told once, when the daemon serves: what the ready line prints. */
  ready: z.strictObject({
    endpoint: z.string().regex(/^http:\/\/[0-9A-Za-z.:[\]-]{1,80}$/),
    region: z.string().regex(/^[a-z0-9-]{1,32}$/),
    accountId,
    accessKeyId: z.string().regex(/^[A-Z0-9]{16,32}$/),
    secretAccessKey: z.string().regex(/^[A-Za-z0-9/+]{40}$/),
  }),
} as const;

export type Verb = keyof typeof requestSchemas;
export type RequestOf<V extends Verb> = z.infer<(typeof requestSchemas)[V]>;

/** A runtime that is built on this host. `base` names what serves where Lambda has Amazon Linux. */
export interface RuntimeSummary {
  readonly name: string;
  readonly digest: string;
  readonly base: string;
  /** What INIT_START prints: e.g. `nodejs:24.v1`. */
  readonly versionLabel: string;
  /** Value of AWS_EXECUTION_ENV; absent for custom runtimes. */
  readonly executionEnvironment?: string;
  /** Lambda's variables whose value depends on the runtime (PATH, LD_LIBRARY_PATH, NODE_PATH, PYTHONPATH, LANG, TZ …). */
  readonly variables: Readonly<Record<string, string>>;
  readonly createdAt: string;
}

/** What to write into a freezer: the kernel's two versions of control groups have different words. */
export interface FreezerWords {
  readonly frozen: string;
  readonly thawed: string;
}

/** `descriptor` values are tokens: the descriptor itself travels on the second socketpair, tagged with it. */
export interface Results {
  openUpload: { readonly uploadId: string; readonly descriptor: number };
  buildImage: { readonly digest: string; readonly unpackedBytes: number; readonly imageBytes: number };
  dropUpload: Record<string, never>;
  dropImage: Record<string, never>;
  listRuntimes: { readonly runtimes: readonly RuntimeSummary[] };
  openSlot: { readonly slotId: string };
  prepare: { readonly environmentId: string };
  claim: {
    /** A bound, not yet listening TCP socket on 127.0.0.1:9001 inside the environment. */
    readonly runtimeApi: number;
    readonly stdout: number;
    readonly stderr: number;
    readonly extensionOutput: number;
    /** Read-only, rewindable: decimal bytes, the environment's peak memory. */
    readonly memoryPeak: number;
    /** Write-only: the environment's freezer; one write of a word freezes or thaws it. */
    readonly freezer: number;
    readonly freezerWords: FreezerWords;
  };
  /** Sorted; at most `maxListedExtensions`. */
  listExtensions: { readonly names: readonly string[] };
  start: { readonly processId: number };
  signal: Record<string, never>;
  /** A connected TCP socket. */
  connect: { readonly descriptor: number };
  reset: Record<string, never>;
  freeze: Record<string, never>;
  thaw: Record<string, never>;
  setLimits: Record<string, never>;
  /** Pids of the host. */
  processes: { readonly pids: readonly number[] };
  evidence: Evidence;
  destroy: Record<string, never>;
  budget: HostBudgetNumbers;
  ready: Record<string, never>;
}

/** What the host has for environments and what they were promised, in MiB; and how long the host's tasks waited, in percent of the last ten seconds. */
export interface HostBudgetNumbers {
  readonly memory: {
    readonly totalMiB: number;
    readonly availableMiB: number;
    readonly reserveMiB: number;
    readonly promisedMiB: number;
    readonly usedMiB: number;
    readonly growthMiB: number;
    readonly memoryOvercommit: number;
  };
  readonly disk: {
    readonly freeMiB: number;
    readonly reserveMiB: number;
    readonly promisedMiB: number;
    readonly allocatedMiB: number;
    readonly diskOvercommit: number;
  };
  /** Each undefined where the kernel does not tell (pressure stall information). */
  readonly pressure: Readonly<Record<'cpu' | 'memory' | 'io', { readonly some: number; readonly full: number } | undefined>>;
}

/** Sent by the agent unasked. */
export type AgentEvent =
  | {
      readonly event: 'exited';
      readonly environmentId: string;
      readonly processId: number;
      /** Exit status, or null when a signal ended it. */
      readonly status: number | null;
      readonly signal: number | null;
      /** The environment's cgroup counted a new out-of-memory kill. */
      readonly outOfMemory: boolean;
    }
  /** PID 1 is gone, so the whole environment is. */
  | { readonly event: 'environmentGone'; readonly environmentId: string; readonly outOfMemory: boolean }
  /** What runs is using the host's reserve up: idle environments are to end, those used longest ago first. Told each second as long as it lasts. */
  | { readonly event: 'belowReserve'; readonly resource: 'memory' | 'disk' }
  /** End running invocations within their shutdown time, then exit. */
  | { readonly event: 'shutdown' };

export type Reply<V extends Verb = Verb> =
  | { readonly id: number; readonly ok: true; readonly result: Results[V] }
  | { readonly id: number; readonly ok: false; readonly code: string; readonly message: string };
