/** What an extension can subscribe to. */
export const extensionEventTypes = ['INVOKE', 'SHUTDOWN'] as const;

export type ExtensionEventType = (typeof extensionEventTypes)[number];

/** An invocation, as extensions are told of it: without its payload. */
export interface InvokeNotice {
  readonly requestId: string;
  readonly invokedFunctionArn: string;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
  readonly traceId?: string;
}

/** `spindown`: nobody needs the environment any more. `timeout`, `failure`: its processes are ended, it may go on with new ones. */
export type ShutdownReason = 'spindown' | 'timeout' | 'failure';

export interface ShutdownNotice {
  readonly reason: ShutdownReason;
  /** Milliseconds since the epoch: SIGKILL comes then. */
  readonly deadlineMs: number;
}

export type ExtensionEvent =
  | { readonly type: 'INVOKE'; readonly notice: InvokeNotice }
  | { readonly type: 'SHUTDOWN'; readonly notice: ShutdownNotice };

/** The body of `event/next`; members and their order are Lambda's. */
export function encodeEvent(event: ExtensionEvent): Buffer {
  return Buffer.from(JSON.stringify(event.type === 'INVOKE' ? invokeBody(event.notice) : shutdownBody(event.notice)));
}

function invokeBody({ requestId, invokedFunctionArn, deadlineMs, traceId }: InvokeNotice): Readonly<Record<string, unknown>> {
  return {
    eventType: 'INVOKE',
    deadlineMs: Math.floor(deadlineMs),
    requestId,
    invokedFunctionArn,
    ...(traceId ? { tracing: { type: 'X-Amzn-Trace-Id', value: traceId } } : {}),
  };
}

function shutdownBody({ reason, deadlineMs }: ShutdownNotice): Readonly<Record<string, unknown>> {
  return { eventType: 'SHUTDOWN', deadlineMs: Math.floor(deadlineMs), shutdownReason: reason };
}
