import type { Evidence } from '../evidence.ts';
import type { AgentEvent, RequestOf, Results, RuntimeSummary } from './messages.ts';

/** An environment's descriptors, received: the caller owns and closes them. */
export interface ClaimedDescriptors {
  readonly runtimeApi: number;
  readonly stdout: number;
  readonly stderr: number;
  readonly memoryPeak: number;
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
  start(options: RequestOf<'start'>): Promise<number>;
  reset(environmentId: string): Promise<void>;
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
