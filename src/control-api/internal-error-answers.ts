import type { CloisterErrorCode } from '../errors.ts';
import { CloisterError } from '../errors.ts';
import type { FunctionLimits } from '../functions/limits.ts';
import { ApiError, invalidParameter } from './api-error.ts';

const serviceFailure = () => new ApiError('ServiceException', 'An internal error occurred. The request can be tried again.');
/** One of the model's reasons for a 429. */
const throttled =
  (reason: string) =>
  (_limits: FunctionLimits, retryAfterMs = 1_000) =>
    new ApiError(
      'TooManyRequestsException',
      'Rate Exceeded.',
      { Reason: reason },
      { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1_000)) },
    );
const unavailable = () => new ApiError('ServiceUnavailableException', 'The service is shutting down. Try the request again later.');

/**
 * How each internal failure is told to a client: exhaustive, so that a new code cannot be forgotten.
 * SECURITY: no internal text is passed on; it may name host paths or another tenant's resources.
 */
const answers: Readonly<Record<CloisterErrorCode, (limits: FunctionLimits, retryAfterMs?: number) => ApiError>> = {
  AccountConcurrencyReached: throttled('ConcurrentInvocationLimitExceeded'),
  AgentGone: unavailable,
  ArchiveInvalid: () => invalidParameter('Could not unzip uploaded file. Please check your file, then try to upload again.'),
  ArchiveRefused: () =>
    invalidParameter(
      'Could not unzip uploaded file: it holds an entry that is not allowed, such as an absolute name, a name with "..", a device file or an encrypted entry.',
    ),
  ArchiveTooLarge: (limits) => invalidParameter(`Unzipped size must be smaller than ${limits.unzippedBytesBelow} bytes`),
  BadMessage: serviceFailure,
  BuilderFailed: serviceFailure,
  ConcurrencyReached: throttled('ReservedFunctionConcurrentInvocationLimitExceeded'),
  Conflict: () =>
    new ApiError('ResourceConflictException', 'The operation cannot be performed at this time: the resource is in use or being changed.'),
  ConnectionRefused: serviceFailure,
  ConnectionTimedOut: serviceFailure,
  EnvironmentGone: () => new ApiError('ResourceNotFoundException', 'The execution environment does not exist any more.'),
  HostUnfit: serviceFailure,
  InitFailed: serviceFailure,
  Internal: serviceFailure,
  NoCapacity: throttled('ConcurrentInvocationLimitExceeded'),
  NoProgram: serviceFailure,
  NotExecutable: serviceFailure,
  NotFound: () => new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.'),
  QueueFull: throttled('CallerRateLimitExceeded'),
  RecursiveLoop: () =>
    new ApiError(
      'RecursiveInvocationException',
      "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and stopped your function's invocation.",
    ),
  RequestRateReached: throttled('FunctionInvocationRateLimitExceeded'),
  ReservedRequestRateReached: throttled('ReservedFunctionInvocationRateLimitExceeded'),
  ScalingRateReached: throttled('ConcurrentInvocationLimitExceeded'),
  ShuttingDown: unavailable,
  SystemCall: serviceFailure,
  WallUnavailable: serviceFailure,
};

/** The client's answer for whatever was thrown; `unexpected` when an operator should read about it. */
export function answerError(error: unknown, limits: FunctionLimits): { readonly answer: ApiError; readonly unexpected: boolean } {
  if (error instanceof ApiError) return { answer: error, unexpected: false };
  if (error instanceof CloisterError) {
    const answer = answers[error.code](limits, error.retryAfterMs);
    return { answer, unexpected: answer.type === 'ServiceException' };
  }
  return { answer: serviceFailure(), unexpected: true };
}
