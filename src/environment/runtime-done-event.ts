import type { InvocationEvent } from '../runtime-api/runtime-api-port.ts';
import { type FailureCause, phaseStatus } from './invocation-failure.ts';
import { type PlatformEvent, recordedMs, type Span, traceContext } from './log/platform-event.ts';

export interface RuntimeDoneFacts {
  readonly event: Pick<InvocationEvent, 'requestId' | 'traceId' | 'tenantId'>;
  /** When the event was handed to the runtime: milliseconds since the epoch. */
  readonly startedWallMs: number;
  /** Until the runtime asked for its next event, or was of no more use. */
  readonly durationMs: number;
  readonly cause: FailureCause | undefined;
  /** Of a runtime that answered: when it began and ended, in milliseconds after the start. */
  readonly response?: { readonly beganMs: number; readonly endedMs: number; readonly producedBytes: number };
}

/** The runtime's part of an invocation is over. Extensions wait for this one: it is told before they are done. */
export function runtimeDoneEvent({ event, startedWallMs, durationMs, cause, response }: RuntimeDoneFacts): PlatformEvent {
  const tracing = traceContext(event.traceId, event.requestId);
  return {
    type: 'platform.runtimeDone',
    record: {
      requestId: event.requestId,
      ...phaseStatus(cause),
      metrics: { durationMs: recordedMs(durationMs), producedBytes: response?.producedBytes ?? 0 },
      ...(response === undefined ? {} : { spans: responseSpans(startedWallMs, response) }),
      ...(tracing === undefined ? {} : { tracing }),
      ...(event.tenantId === undefined ? {} : { tenantId: event.tenantId }),
    },
  };
}

/** What extensions took of an invocation after the runtime was done: a span of its report. */
export function extensionOverheadSpan(startedWallMs: number, durationMs: number): Span {
  return span('extensionOverhead', startedWallMs, durationMs);
}

function responseSpans(startedWallMs: number, response: { readonly beganMs: number; readonly endedMs: number }): readonly Span[] {
  return [
    span('responseLatency', startedWallMs, response.beganMs),
    span('responseDuration', startedWallMs + response.beganMs, response.endedMs - response.beganMs),
  ];
}

function span(name: Span['name'], startWallMs: number, durationMs: number): Span {
  return { name, start: new Date(startWallMs).toISOString(), durationMs: recordedMs(durationMs) };
}
