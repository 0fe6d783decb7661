import { type SurfaceLimit, surfaceLimits } from '../runtime-api/surface-guard.ts';
import type { PhaseStatus } from './log/platform-event.ts';

/** It reported an error and ended, ended without, or could not be started. */
export type ExtensionErrorType = 'Extension.InitError' | 'Extension.ExitError' | 'Extension.Crash' | 'Extension.LaunchError';

/** Why an invocation, or the start of the processes, failed. */
export type FailureCause =
  /** What the runtime itself reported. */
  | { readonly kind: 'functionError'; readonly errorType: string; readonly payload: Buffer }
  | { readonly kind: 'initError'; readonly errorType: string; readonly payload: Buffer }
  | { readonly kind: 'initTimeout' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'responseTooLarge'; readonly maxBytes?: number }
  /** A streamed response whose connection ended before it did. */
  | { readonly kind: 'truncatedResponse' }
  | { readonly kind: 'exit'; readonly status: number | null; readonly signal: number | null; readonly outOfMemory: boolean }
  /** There is nothing to start, or it cannot be executed. */
  | { readonly kind: 'invalidEntrypoint' }
  /** An external extension failed, and the whole of an init or invocation with it; `reason` is Lambda's text. */
  | { readonly kind: 'extension'; readonly errorType: ExtensionErrorType; readonly reason: string }
  /** PID 1 is gone, and the environment with it. */
  | { readonly kind: 'environmentGone'; readonly outOfMemory: boolean }
  /** The environment went beyond a limit of its Runtime API. */
  | { readonly kind: 'runtimeApiLimit'; readonly limit: SurfaceLimit }
  /** An operator or a shutdown ended the environment under a running invocation. */
  | { readonly kind: 'stopped' };

/** A failure as the client, the log and the REPORT line tell it. */
export interface RenderedFailure {
  readonly payload: Buffer;
  /** Goes into the log before END. */
  readonly logLine?: string;
  /** REPORT's tail; absent where the function failed in an orderly way. */
  readonly report?: { readonly status: 'error' | 'timeout'; readonly errorType?: string };
}

/** Lambda's limit of a buffered response, as its message names it. */
const maxResponseBytes = 6_291_556;

/** The wording is Lambda's. */
export function renderFailure(
  cause: FailureCause,
  context: { readonly requestId: string; readonly timeoutSeconds: number; readonly wallMs: number },
): RenderedFailure {
  switch (cause.kind) {
    case 'functionError':
      return { payload: cause.payload };
    case 'initError':
      return { payload: cause.payload, report: { status: 'error', errorType: cause.errorType } };
    case 'responseTooLarge':
      return {
        // Lambda writes this one with its members the other way round.
        payload: Buffer.from(
          JSON.stringify({
            errorMessage: `Response payload size exceeded maximum allowed payload size (${cause.maxBytes ?? maxResponseBytes} bytes).`,
            errorType: 'Function.ResponseSizeTooLarge',
          }),
        ),
        report: { status: 'error', errorType: 'Function.ResponseSizeTooLarge' },
      };
    case 'truncatedResponse':
      return failed('Runtime.TruncatedResponse', `RequestId: ${context.requestId} Error: The response ended before it was complete`);
    case 'timeout':
    case 'initTimeout': {
      const message = `Task timed out after ${context.timeoutSeconds.toFixed(2)} seconds`;
      return {
        payload: body('Sandbox.Timedout', `RequestId: ${context.requestId} Error: ${message}`),
        logLine: `${new Date(context.wallMs).toISOString()} ${context.requestId} ${message}\n\n`,
        report: { status: 'timeout' },
      };
    }
    case 'exit':
      return exitFailure(context.requestId, exitMessage(cause), cause.outOfMemory);
    case 'extension':
      return failed(cause.errorType, `RequestId: ${context.requestId} Error: ${cause.reason}`);
    case 'environmentGone':
      return exitFailure(
        context.requestId,
        cause.outOfMemory ? 'Runtime exited with error: signal: killed' : 'Runtime exited without providing a reason',
        cause.outOfMemory,
      );
    case 'invalidEntrypoint': {
      const message = `RequestId: ${context.requestId} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]`;
      return failed('Runtime.InvalidEntrypoint', message);
    }
    case 'runtimeApiLimit': {
      const message = `RequestId: ${context.requestId} Error: The execution environment was ended: ${surfaceLimits[cause.limit]}`;
      return failed('Runtime.ApiLimitExceeded', message);
    }
    case 'stopped': {
      const message = `RequestId: ${context.requestId} Error: The execution environment was stopped`;
      return failed('Sandbox.Failure', message);
    }
  }
}

/** How a phase with this failure, or without any, ended, as the platform's events tell it. An error that the function itself answered is no failure of a phase. */
export function phaseStatus(cause: FailureCause | undefined): PhaseStatus {
  const report = cause && renderFailure(cause, { requestId: '', timeoutSeconds: 0, wallMs: 0 }).report;
  if (report === undefined) return { status: 'success' };
  if (report.status === 'timeout') return { status: 'timeout' };
  const errorType = report.errorType ?? 'Runtime.Unknown';
  return { status: errorType.startsWith('Sandbox.') ? 'failure' : 'error', errorType };
}

/** What a client is told a streamed answer failed with: the type that the runtime named, or Lambda's for what the runtime does not know of. */
export function streamErrorCode(cause: FailureCause): string {
  if (cause.kind === 'functionError') return cause.errorType;
  return renderFailure(cause, { requestId: '', timeoutSeconds: 0, wallMs: 0 }).report?.errorType ?? 'Sandbox.Timedout';
}

function exitFailure(requestId: string, reason: string, outOfMemory: boolean): RenderedFailure {
  const message = `RequestId: ${requestId} Error: ${reason}`;
  return {
    payload: body('Runtime.ExitError', message),
    logLine: `${message}\nRuntime.ExitError\n`,
    report: { status: 'error', errorType: outOfMemory ? 'Runtime.OutOfMemory' : 'Runtime.ExitError' },
  };
}

function failed(errorType: string, message: string): RenderedFailure {
  return { payload: body(errorType, message), logLine: `${message}\n${errorType}\n`, report: { status: 'error', errorType } };
}

function body(errorType: string, errorMessage: string): Buffer {
  return Buffer.from(JSON.stringify({ errorType, errorMessage }));
}

interface Exit {
  readonly status: number | null;
  readonly signal: number | null;
}

function exitMessage(exit: Exit): string {
  if (exit.signal === null && (exit.status === null || exit.status === 0)) return 'Runtime exited without providing a reason';
  return `Runtime exited with error: ${exitText(exit)}`;
}

/** What a client is told of an extension's end. */
export function extensionExitReason(exit: Exit): string {
  return exit.signal === null && (exit.status === null || exit.status === 0) ? 'exit code 0' : exitText(exit);
}

function exitText({ status, signal }: Exit): string {
  return signal === null ? `exit status ${status}` : `signal: ${signalText[signal] ?? `signal ${signal}`}`;
}

/** Linux's signals in the words of Lambda's messages. */
const signalText: Readonly<Record<number, string>> = {
  1: 'hangup',
  2: 'interrupt',
  3: 'quit',
  4: 'illegal instruction',
  5: 'trace/breakpoint trap',
  6: 'aborted',
  7: 'bus error',
  8: 'floating point exception',
  9: 'killed',
  10: 'user defined signal 1',
  11: 'segmentation fault',
  12: 'user defined signal 2',
  13: 'broken pipe',
  14: 'alarm clock',
  15: 'terminated',
  24: 'CPU time limit exceeded',
  25: 'file size limit exceeded',
  31: 'bad system call',
};
