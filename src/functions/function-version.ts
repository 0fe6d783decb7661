import type { JsonLogging } from './json-logging.ts';

/** How an environment is walled in. */
export type Isolation = 'oci' | 'microvm';

/** How one function's environments are kept apart by whom they serve (Lambda's `TenancyConfig`). */
export type TenantIsolationMode = 'PER_TENANT';

/** A layer version as a function version refers to it. `digest` names its erofs image in the layer owner's store. */
export interface LayerReference {
  readonly arn: string;
  readonly accountId: string;
  readonly digest: string;
  readonly codeSizeBytes: number;
}

/** Everything the invoke path must know of one immutable function version, or of `$LATEST` at one revision. */
export interface FunctionVersion {
  readonly accountId: string;
  readonly functionName: string;
  /** `$LATEST` or a decimal number. */
  readonly version: string;
  /** Changes with every change of code or configuration: environments of an older revision are never used again. */
  readonly revisionId: string;
  readonly functionArn: string;
  readonly runtime: string;
  readonly handler: string;
  readonly memorySizeMiB: number;
  readonly timeoutSeconds: number;
  readonly ephemeralStorageMiB: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly layers: readonly LayerReference[];
  /** Names the code's erofs image in the account's store: 64 hexadecimal digits of SHA-256. */
  readonly codeDigest: string;
  readonly logGroup: string;
  /** Absent: the log is text. */
  readonly jsonLogging?: JsonLogging;
  /** ARN of the queue or topic that takes events which could not be handled. */
  readonly deadLetterArn?: string;
  readonly isolation: Isolation;
  /** Set while it cannot be invoked. */
  readonly state?: 'Pending' | 'Failed';
  /** How often the function, with all its versions, may run at once. @default as often as its account */
  readonly reservedConcurrency?: number;
  /** Absent: a loop that comes through the function is stopped. */
  readonly recursiveLoop?: 'Allow';
  /** Absent: the function is traced as its caller is. */
  readonly tracing?: 'Active';
  /** With `PER_TENANT` every invocation names a tenant, and tenants share no environment. */
  readonly tenantIsolationMode?: TenantIsolationMode;
}
