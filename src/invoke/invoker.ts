import type { FunctionVersion } from '../functions/function-version.ts';

export interface InvokeRequest {
  /** Lambda's request id: a UUID, also the answer's x-amzn-RequestId. */
  readonly requestId: string;
  readonly function: FunctionVersion;
  /** As the client wrote it: with its qualifier, if any. */
  readonly invokedFunctionArn: string;
  readonly payload: Buffer;
  /** Decoded JSON text of X-Amz-Client-Context. */
  readonly clientContext?: string;
  /** As it came; one that is none counts as absent. */
  readonly traceHeader?: string;
  /** For functions with tenant isolation, and only for those: the invocation gets an environment of this tenant's own. */
  readonly tenantId?: string;
  /** Asynchronous: its rate is not limited. */
  readonly isEvent?: true;
  /** Keep the last 4 KiB of the invocation's log for X-Amz-Log-Result. */
  readonly logTail: boolean;
}

export interface InvokeResult {
  readonly payload: Buffer;
  /** Set when the function failed: the value of X-Amz-Function-Error. */
  readonly functionError?: 'Unhandled';
  /** The environment was ended under the invocation, by an operator or a shutdown: the failure is not the function's. */
  readonly interrupted?: true;
  /** The function took longer than its Timeout: told here, since what it answers itself could look the same. */
  readonly timedOut?: true;
  readonly executedVersion: string;
  /** What the function was told of the chain of requests that it belongs to. */
  readonly traceHeader?: string;
  readonly logTail?: Buffer;
}

/** An invocation whose answer has begun. */
export interface StreamedInvokeResult extends Pick<InvokeResult, 'executedVersion' | 'traceHeader'> {
  /** As the runtime named it. */
  readonly contentType: string | undefined;
  /** To be read once. It never throws; what a reader leaves unread is thrown away, and the invocation runs on. */
  readonly body: AsyncIterable<Buffer>;
  /** Set when the function failed before its answer began: the body is the error. */
  readonly failed?: 'error' | 'timeout';
  /** Known when the body has been read, or left. */
  readonly completed: Promise<StreamCompletion>;
}

export interface StreamCompletion {
  /** Set when the function failed. `code`: `Unhandled` before the answer began, else what it failed with. */
  readonly error?: { readonly code: string; readonly details: Buffer };
  readonly logTail?: Buffer;
}

/** The invoke path as the control API sees it. Rejects with what `ConcurrencyLimits` throws, `NoCapacity`, `ScalingRateReached` (429), `RecursiveLoop`, `ShuttingDown`, `HostUnfit` or `Internal`; a failing function does not reject. */
export interface Invoker {
  invoke(request: InvokeRequest): Promise<InvokeResult>;
  /** Resolves when the answer begins. */
  invokeStreaming(request: InvokeRequest): Promise<StreamedInvokeResult>;
  /** No environment of an older revision serves again: idle ones end now, busy ones after their invocation. `version` absent: all of them. */
  retire(target: { accountId: string; functionName: string; version?: string }): void;
  /** Whether an invocation on its way may still have to mount it, whatever has become of its version. */
  needsImage(image: { readonly accountId: string; readonly digest: string }): boolean;
  listEnvironments(): readonly EnvironmentSummary[];
  /** False when there is none of that id. */
  stopEnvironment(id: string): Promise<boolean>;
}

export interface EnvironmentSummary {
  readonly id: string;
  readonly accountId: string;
  readonly functionName: string;
  readonly version: string;
  readonly tenantId?: string;
  readonly state: string;
  readonly driver: string;
  readonly memoryMiB: number;
  /** ISO 8601. */
  readonly createdAt: string;
}
