import type { Evidence } from '../evidence.ts';
import type { AgentEvent, FreezerWords, RequestOf, Results, RuntimeSummary } from './messages.ts';

/** An environment's descriptors, received: the caller owns and closes them. */
export interface ClaimedDescriptors {
  readonly runtimeApi: number;
  readonly stdout: number;
  readonly stderr: number;
  /** Of every extension's process, both of its streams. */
  readonly extensionOutput: number;
  readonly memoryPeak: number;
  /** Write-only. One write of a word freezes or thaws the environment, without a word to the agent. */
  readonly freezer: number;
  readonly freezerWords: FreezerWords;
}

/** The host agent as the daemon sees it. Every verb rejects with a CloisterError; after `AgentGone` none answers again. */
export interface HostAgent {
  /** Builds the image of an archive: uploads the bytes, runs the builder, drops the upload. */
  buildImage(archive: Uint8Array, options: { accountId: string; maxUnpackedBytes: number }): Promise<Results['buildImage']>;
  dropImage(image: RequestOf<'dropImage'>): Promise<void>;
  listRuntimes(): Promise<readonly RuntimeSummary[]>;
  openSlot(options: RequestOf<'openSlot'>): Promise<string>;
  prepare(options: RequestOf<'prepare'>): Promise<string>;
  claim(options: RequestOf<'claim'>): Promise<ClaimedDescriptors>;
  /** The external extensions of the environment's layers, sorted by name. */
  listExtensions(options: RequestOf<'listExtensions'>): Promise<Results['listExtensions']>;
  /** Resolves with the id of the process once it has been executed; `NotFound`, `NotExecutable` or `NoProgram` when that is impossible. `exited` events tell of its end. */
  start(options: RequestOf<'start'>): Promise<number>;
  /** To the process and its whole group. */
  signal(options: RequestOf<'signal'>): Promise<void>;
  /** A connected, non-blocking TCP socket, which the caller closes. Rejects with `ConnectionRefused` or `ConnectionTimedOut`. */
  connect(options: RequestOf<'connect'>): Promise<{ readonly descriptor: number }>;
  reset(environmentId: string): Promise<void>;
  /** For evidence and tests: on the way of an invocation the daemon writes to the claim's `freezer`. */
  freeze(environmentId: string): Promise<void>;
  thaw(environmentId: string): Promise<void>;
  setLimits(options: RequestOf<'setLimits'>): Promise<void>;
  /** Pids of the host. */
  processes(environmentId: string): Promise<readonly number[]>;
  evidence(environmentId: string): Promise<Evidence>;
  /** Works from any half-made state; a second call is a no-op. */
  destroy(id: string): Promise<void>;
  budget(): Promise<Results['budget']>;
  ready(facts: RequestOf<'ready'>): Promise<void>;
  onEvent(listener: (event: AgentEvent) => void): void;
}
