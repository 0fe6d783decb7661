import type { FreezerWords, Owner, ProcessToStart } from '../agent/messages.ts';
import type { Evidence } from '../evidence.ts';

/** A runtime image as a driver needs it. */
export interface RuntimeImage {
  readonly digest: string;
  /** Tells its file from any other's: environments of one key share a mount, and its pages. */
  readonly key: string;
  readonly imagePath: string;
  readonly entrypoints: readonly string[];
}

/** An image of the store: its file, and the key that keeps accounts apart. */
export interface StoredImage {
  readonly key: string;
  readonly path: string;
}

export interface PrepareOptions {
  readonly slotId: string;
  readonly runtime: RuntimeImage;
  readonly memorySizeMiB: number;
  /** The one account that may claim it; undefined: any. */
  readonly accountId: string | undefined;
}

export interface ClaimOptions {
  readonly owner: Owner;
  readonly code: StoredImage;
  readonly layers: readonly StoredImage[];
}

/** Descriptors of an environment that the agent hands to the daemon and then closes its copies of; `runtimeApi` stays the slot's. */
export interface EnvironmentDescriptors {
  readonly runtimeApi: number;
  readonly stdout: number;
  readonly stderr: number;
  /** Of every extension's process, both of its streams. */
  readonly extensionOutput: number;
  readonly memoryPeak: number;
  /** For writing alone. */
  readonly freezer: number;
  readonly freezerWords: FreezerWords;
}

export type DriverEvent =
  | {
      readonly event: 'exited';
      readonly environmentId: string;
      readonly processId: number;
      readonly status: number | null;
      readonly signal: number | null;
      readonly outOfMemory: boolean;
    }
  | { readonly event: 'environmentGone'; readonly environmentId: string; readonly outOfMemory: boolean };

/** How an environment is walled in. Every verb is idempotent or refuses; destroy works from any half-made state. */
export interface Driver {
  openSlot(options: { readonly tmpSizeMiB: number }): Promise<string>;
  prepare(options: PrepareOptions): Promise<string>;
  /** Binds a prepared environment to one owner, once, for good. */
  claim(environmentId: string, options: ClaimOptions): Promise<EnvironmentDescriptors>;
  /** Names of files and links directly in /opt/extensions, as they are there: not checked, in no order. At most 64. */
  listExtensions(environmentId: string): Promise<readonly string[]>;
  start(environmentId: string, process: ProcessToStart, environment: Readonly<Record<string, string>>): Promise<number>;
  /** To the process group of what start() started. */
  signal(environmentId: string, processId: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** A connected TCP socket to 127.0.0.1:`port` of the environment's network namespace; the caller closes it. */
  connect(environmentId: string, port: number): Promise<number>;
  reset(environmentId: string): Promise<void>;
  freeze(environmentId: string): Promise<void>;
  thaw(environmentId: string): Promise<void>;
  setLimits(environmentId: string, phase: 'init' | 'invoke'): Promise<void>;
  /** Pids of the host. */
  processes(environmentId: string): Promise<readonly number[]>;
  evidence(environmentId: string): Promise<Evidence>;
  destroy(id: string): Promise<void>;
  /** Destroys every slot and environment. */
  close(): Promise<void>;
}
