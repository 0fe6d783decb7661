import { formatFunctionArn, latestVersion } from './arn.ts';
import type { FunctionStatus } from './function-status.ts';
import type { FunctionVersion, Isolation, LayerReference, TenantIsolationMode } from './function-version.ts';
import type { JsonLogging } from './json-logging.ts';

/** What a customer configured, with every default filled in. */
export interface FunctionConfiguration {
  readonly runtime: string;
  /** Names the runtime image the version was configured on. */
  readonly runtimeDigest: string;
  readonly role: string;
  readonly handler: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memorySizeMiB: number;
  readonly ephemeralStorageMiB: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly layers: readonly ConfiguredLayer[];
  readonly architecture: Architecture;
  readonly tracingMode: 'Active' | 'PassThrough';
  readonly logGroup: string;
  /** Absent: the log is text. */
  readonly jsonLogging?: JsonLogging;
  /** ARN of the queue or topic that takes events which could not be handled. */
  readonly deadLetterArn?: string;
  readonly isolation: Isolation;
  /** Chosen when the function is created, for good. */
  readonly tenantIsolationMode?: TenantIsolationMode;
}

export type Architecture = 'x86_64' | 'arm64';

/** A layer version in a function's configuration; the unpacked size counts against the function's. */
export interface ConfiguredLayer extends LayerReference {
  readonly unpackedBytes: number;
}

/** A stored zip and the image built from it. Digests are 64 hexadecimal digits of SHA-256. */
export interface CodeArtifact {
  readonly archiveDigest: string;
  readonly archiveBytes: number;
  readonly imageDigest: string;
  readonly unpackedBytes: number;
}

/** `$LATEST` or a published version, as it is stored. */
export interface FunctionRecord {
  readonly accountId: string;
  readonly functionName: string;
  readonly version: string;
  /** As clients see it: changes with whatever is changed of a function. */
  readonly revisionId: string;
  /** Where it differs: the revision that environments go by, which changes with code and configuration only. */
  readonly environmentRevisionId?: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly lastModified: string;
  readonly configuration: FunctionConfiguration;
  readonly code: CodeArtifact;
  /** Absent: active, and its last update done. */
  readonly status?: FunctionStatus;
}

/** Environments of another revision than this never serve a version again. */
export function environmentRevisionOf(record: FunctionRecord): string {
  return record.environmentRevisionId ?? record.revisionId;
}

/** What the invoke path must know of a stored version. */
export function toFunctionVersion(record: FunctionRecord, region: string): FunctionVersion {
  const { accountId, functionName, version, configuration, code } = record;
  const state = record.status?.state ?? 'Active';
  return {
    accountId,
    functionName,
    version,
    revisionId: environmentRevisionOf(record),
    functionArn: formatFunctionArn({ region, accountId, functionName, qualifier: version === latestVersion ? undefined : version }),
    runtime: configuration.runtime,
    handler: configuration.handler,
    memorySizeMiB: configuration.memorySizeMiB,
    timeoutSeconds: configuration.timeoutSeconds,
    ephemeralStorageMiB: configuration.ephemeralStorageMiB,
    environment: configuration.environment,
    layers: configuration.layers.map(({ arn, accountId, digest, codeSizeBytes }) => ({ arn, accountId, digest, codeSizeBytes })),
    codeDigest: code.imageDigest,
    logGroup: configuration.logGroup,
    ...(configuration.jsonLogging === undefined ? {} : { jsonLogging: configuration.jsonLogging }),
    isolation: configuration.isolation,
    ...(configuration.deadLetterArn === undefined ? {} : { deadLetterArn: configuration.deadLetterArn }),
    ...(state === 'Active' ? {} : { state }),
    ...(configuration.tracingMode === 'Active' ? { tracing: 'Active' as const } : {}),
    ...(configuration.tenantIsolationMode === undefined ? {} : { tenantIsolationMode: configuration.tenantIsolationMode }),
  };
}
