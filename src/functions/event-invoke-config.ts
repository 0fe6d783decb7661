/** How asynchronous invocations through one qualifier are handled. What is absent has Lambda's default. */
export interface EventInvokeConfig {
  /** `$LATEST`, a version or an alias. */
  readonly qualifier: string;
  /** Milliseconds since the epoch. */
  readonly lastModifiedMs: number;
  readonly maximumRetryAttempts?: number;
  readonly maximumEventAgeSeconds?: number;
  /** ARNs. */
  readonly onSuccess?: string;
  readonly onFailure?: string;
}

/** Lambda's defaults, and the largest values. */
export const defaultMaximumRetryAttempts = 2;
export const defaultMaximumEventAgeSeconds = 21_600;
