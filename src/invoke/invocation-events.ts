import type { InvocationEnd } from '../environment/invocation.ts';
import { phaseStatus } from '../environment/invocation-failure.ts';
import { type PlatformEvent, recordedMs, traceContext } from '../environment/log/platform-event.ts';
import type { InvokeRequest } from './invoker.ts';

type Invoked = Pick<InvokeRequest, 'requestId' | 'function' | 'invokedFunctionArn' | 'traceHeader' | 'tenantId'>;

export function startEvent(request: Invoked): PlatformEvent {
  return {
    type: 'platform.start',
    record: { requestId: request.requestId, functionArn: request.invokedFunctionArn, version: request.function.version, ...shared(request) },
  };
}

/** What an invocation took. Lambda bills whole milliseconds, and never more than the function's time limit. */
export function reportEvent(request: Invoked, end: InvocationEnd): PlatformEvent {
  const { memorySizeMiB, timeoutSeconds } = request.function;
  // Rounded first: what is billed must follow from the duration that stands beside it.
  const durationMs = recordedMs(end.durationMs);
  return {
    type: 'platform.report',
    record: {
      requestId: request.requestId,
      metrics: {
        durationMs,
        billedDurationMs: Math.min(Math.max(1, Math.ceil(durationMs)), timeoutSeconds * 1_000),
        memorySizeMB: memorySizeMiB,
        maxMemoryUsedMB: Math.min(end.maxMemoryUsedMiB, memorySizeMiB),
        ...(end.initDurationMs === undefined ? {} : { initDurationMs: recordedMs(end.initDurationMs) }),
      },
      ...(end.spans === undefined ? {} : { spans: end.spans }),
      ...shared(request),
      ...phaseStatus(end.failure),
    },
  };
}

function shared({ traceHeader, requestId, tenantId }: Invoked) {
  const tracing = traceContext(traceHeader, requestId);
  return { ...(tracing === undefined ? {} : { tracing }), ...(tenantId === undefined ? {} : { tenantId }) };
}
