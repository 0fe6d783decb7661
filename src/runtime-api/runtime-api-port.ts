import type { SurfaceLimit } from './surface-guard.ts';

/** One event as the runtime is given it. Members that are absent or empty have no header. */
export interface InvocationEvent {
  readonly requestId: string;
  readonly payload: Buffer;
  readonly invokedFunctionArn: string;
  /** Milliseconds since the epoch. */
  readonly deadlineMs: number;
  readonly traceId?: string;
  /** JSON text. */
  readonly clientContext?: string;
  /** Of functions with tenant isolation. */
  readonly tenantId?: string;
}

/** What a runtime says went wrong: `errorType` is already one of Lambda's, `payload` is what the client gets. */
export interface RuntimeFailure {
  readonly errorType: string;
  readonly payload: Buffer;
}

/** The environment as its Runtime API sees it. Calls come in an order that the protocol allows. */
export interface RuntimeApiPort {
  /** The runtime asks for an event for the first time, or again after it answered one. */
  ready(): void;
  initFailed(failure: RuntimeFailure): void;
  responded(payload: Buffer): void;
  failed(failure: RuntimeFailure): void;
  /** The response was over the limit and has been thrown away. */
  respondedTooMuch(): void;
  /** The environment went beyond what it may ask of the daemon: nothing of it is read any more, and it is to end. */
  exceeded(limit: SurfaceLimit): void;
}
