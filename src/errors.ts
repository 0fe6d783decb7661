/** Internal failure kinds. How each is told to a client or a function is decided at the edge (control-api, runtime-api). */
export type CloisterErrorCode =
  | 'AccountConcurrencyReached'
  | 'AgentGone'
  | 'ArchiveInvalid'
  | 'ArchiveRefused'
  | 'ArchiveTooLarge'
  | 'BadMessage'
  | 'BuilderFailed'
  | 'ConcurrencyReached'
  | 'Conflict'
  | 'ConnectionRefused'
  | 'ConnectionTimedOut'
  | 'EnvironmentGone'
  | 'HostUnfit'
  | 'InitFailed'
  | 'Internal'
  | 'NoCapacity'
  | 'NoProgram'
  | 'NotExecutable'
  | 'NotFound'
  | 'QueueFull'
  | 'RecursiveLoop'
  | 'RequestRateReached'
  | 'ReservedRequestRateReached'
  | 'ScalingRateReached'
  | 'ShuttingDown'
  | 'SystemCall'
  | 'WallUnavailable';

export interface CloisterErrorOptions {
  readonly operation: string;
  readonly path?: string;
  readonly cause?: unknown;
  /** For refusals that time mends. */
  readonly retryAfterMs?: number;
}

/** The one error of the project: what failed (`code`), while doing what (`operation`), on what (`path`), and why (`cause`). */
export class CloisterError extends Error {
  override readonly name = 'CloisterError';
  readonly code: CloisterErrorCode;
  readonly operation: string;
  readonly path: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: CloisterErrorCode, message: string, options: CloisterErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.operation = options.operation;
    this.path = options.path;
    this.retryAfterMs = options.retryAfterMs;
  }
}
