import type { RuntimeSummary } from '../agent/messages.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { type FailureCause, phaseStatus } from './invocation-failure.ts';
import { type InitializationType, type InitPhase, type PlatformEvent, recordedMs } from './log/platform-event.ts';

/** What the events of an environment's inits say of it. */
export interface InitFacts {
  readonly function: FunctionVersion;
  readonly runtime: Pick<RuntimeSummary, 'versionLabel' | 'digest'>;
  readonly region: string;
  readonly logStream: string;
  readonly initializationType: InitializationType;
}

/** The first event of each init. */
export function initStartEvent(facts: InitFacts, phase: InitPhase): PlatformEvent {
  const { function: fn, runtime, region } = facts;
  return {
    type: 'platform.initStart',
    record: {
      initializationType: facts.initializationType,
      phase,
      runtimeVersion: runtime.versionLabel,
      runtimeVersionArn: `arn:aws:lambda:${region}::runtime:${runtime.digest}`,
      functionName: fn.functionName,
      functionVersion: fn.version,
      instanceId: facts.logStream,
      instanceMaxMemory: fn.memorySizeMiB * 1_048_576,
    },
  };
}

/** The runtime has asked for its first event, or will not. */
export function initRuntimeDoneEvent(facts: Pick<InitFacts, 'initializationType'>, phase: InitPhase, cause: FailureCause | undefined): PlatformEvent {
  return { type: 'platform.initRuntimeDone', record: { initializationType: facts.initializationType, phase, ...phaseStatus(cause) } };
}

/** The last event of each init. In a text log it shows only when the init failed. */
export function initReportEvent(
  facts: Pick<InitFacts, 'initializationType'>,
  init: { readonly phase: InitPhase; readonly durationMs: number; readonly cause: FailureCause | undefined },
): PlatformEvent {
  const { phase, durationMs, cause } = init;
  const { initializationType } = facts;
  return {
    type: 'platform.initReport',
    record: { initializationType, phase, metrics: { durationMs: recordedMs(durationMs) }, ...phaseStatus(cause) },
  };
}
