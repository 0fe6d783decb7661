/**
 * What Lambda's platform tells of an environment's life: the events of the Telemetry API with their records, in the newest schema, 2025-01-29.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
 */
export type PlatformEvent =
  | { readonly type: 'platform.initStart'; readonly record: InitStartRecord }
  | { readonly type: 'platform.initRuntimeDone'; readonly record: InitRuntimeDoneRecord }
  | { readonly type: 'platform.initReport'; readonly record: InitReportRecord }
  | { readonly type: 'platform.restoreStart'; readonly record: RestoreStartRecord }
  | { readonly type: 'platform.restoreRuntimeDone'; readonly record: RestoreRuntimeDoneRecord }
  | { readonly type: 'platform.restoreReport'; readonly record: RestoreReportRecord }
  | { readonly type: 'platform.start'; readonly record: StartRecord }
  | { readonly type: 'platform.runtimeDone'; readonly record: RuntimeDoneRecord }
  | { readonly type: 'platform.report'; readonly record: ReportRecord }
  | { readonly type: 'platform.extension'; readonly record: ExtensionRecord }
  | { readonly type: 'platform.telemetrySubscription'; readonly record: TelemetrySubscriptionRecord }
  | { readonly type: 'platform.logsDropped'; readonly record: LogsDroppedRecord };

export type InitializationType = 'on-demand' | 'provisioned-concurrency' | 'snap-start';

/** `invoke`: the init is run again inside an invocation, after one that failed or was reset ("suppressed init"). */
export type InitPhase = 'init' | 'invoke';

/** How a phase ended. `error` is the function's or its runtime's, `failure` the platform's (types `Sandbox.*`). */
export type PhaseStatus =
  | { readonly status: 'success' }
  | { readonly status: 'error' | 'failure'; readonly errorType: string }
  | { readonly status: 'timeout' };

export interface Span {
  readonly name: 'responseLatency' | 'responseDuration' | 'extensionOverhead';
  /** ISO 8601. */
  readonly start: string;
  readonly durationMs: number;
}

/** Only where the trace is sampled. */
export interface TraceContext {
  /** 16 hexadecimal digits. */
  readonly spanId?: string;
  readonly type: 'X-Amzn-Trace-Id';
  /** The trace header as the runtime was given it. */
  readonly value: string;
}

interface Traced {
  readonly tracing?: TraceContext;
}

interface EnvironmentFacts extends Traced {
  /** `nodejs:24.v1`. */
  readonly runtimeVersion?: string;
  readonly runtimeVersionArn?: string;
  readonly functionName?: string;
  readonly functionVersion?: string;
  /** The log stream's name. */
  readonly instanceId?: string;
  /** Bytes. */
  readonly instanceMaxMemory?: number;
}

export interface InitStartRecord extends EnvironmentFacts {
  readonly initializationType: InitializationType;
  readonly phase: InitPhase;
}

export type InitRuntimeDoneRecord = { readonly initializationType: InitializationType; readonly phase: InitPhase } & PhaseStatus &
  Traced & { readonly spans?: readonly Span[] };

export type InitReportRecord = {
  readonly initializationType: InitializationType;
  readonly phase: InitPhase;
  readonly metrics: { readonly durationMs: number };
} & PhaseStatus &
  Traced & { readonly spans?: readonly Span[] };

/** Of snapshots, which this host does not take: no such event is sent. */
export type RestoreStartRecord = EnvironmentFacts;
export type RestoreRuntimeDoneRecord = PhaseStatus & Traced & { readonly spans?: readonly Span[] };
export type RestoreReportRecord = { readonly metrics: { readonly durationMs: number } } & PhaseStatus & Traced & { readonly spans?: readonly Span[] };

interface InvocationRecord extends Traced {
  readonly requestId: string;
  /** Of functions with tenant isolation. */
  readonly tenantId?: string;
}

export interface StartRecord extends InvocationRecord {
  readonly functionArn?: string;
  readonly version: string;
}

export type RuntimeDoneRecord = InvocationRecord &
  PhaseStatus & {
    readonly spans?: readonly Span[];
    /** From the event's delivery to the runtime's next `next`; `producedBytes` of the response's body. */
    readonly metrics?: { readonly durationMs: number; readonly producedBytes?: number };
  };

export interface ReportMetrics {
  readonly durationMs: number;
  readonly billedDurationMs: number;
  /** MiB, which Lambda calls MB. */
  readonly memorySizeMB: number;
  readonly maxMemoryUsedMB: number;
  readonly initDurationMs?: number;
  readonly restoreDurationMs?: number;
  readonly billedRestoreDurationMs?: number;
}

export type ReportRecord = InvocationRecord & PhaseStatus & { readonly metrics: ReportMetrics; readonly spans?: readonly Span[] };

export interface ExtensionRecord {
  readonly name: string;
  /** `Started`, `Registered`, `Ready`, `Running`, `InitError`, `ExitError`, `LaunchError`, `Exited`. */
  readonly state: string;
  readonly events: readonly string[];
  readonly errorType?: string;
}

export interface TelemetrySubscriptionRecord {
  readonly name: string;
  readonly state: 'Subscribed' | 'Already subscribed';
  readonly types: readonly string[];
}

export interface LogsDroppedRecord {
  readonly reason: string;
  readonly droppedRecords: number;
  readonly droppedBytes: number;
}

/** A duration as records tell it: milliseconds with two decimals, the same number as in the text lines. */
export function recordedMs(milliseconds: number): number {
  return Number(milliseconds.toFixed(2));
}

/** The tracing member of an invocation's records; undefined unless the header says that the trace is sampled. */
export function traceContext(traceHeader: string | undefined, requestId: string): TraceContext | undefined {
  if (traceHeader === undefined || !/(?:^|;)\s*Sampled=1\b/.test(traceHeader)) return undefined;
  // A segment's id is 64 bits: no segment leaves this host, and the request id has as many that are its own.
  return { spanId: requestId.replaceAll('-', '').slice(-16), type: 'X-Amzn-Trace-Id', value: traceHeader };
}
