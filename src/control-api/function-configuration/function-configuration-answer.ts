import type { FunctionConfiguration as FunctionConfigurationAnswer } from '@aws-sdk/client-lambda';
import { formatFunctionArn } from '../../functions/arn.ts';
import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionStatus } from '../../functions/function-status.ts';
import { stateMembers } from './function-state.ts';
import { loggingConfigAnswer } from './logging-config.ts';

/** A stored version as Lambda's API shows it. `qualifier` is the one the client asked with: it returns in the ARN. */
export function functionConfigurationAnswer(
  record: FunctionRecord,
  options: { region: string; qualifier?: string | undefined; status?: FunctionStatus | undefined },
): FunctionConfigurationAnswer {
  const { configuration, code } = record;
  const { region, qualifier } = options;
  return {
    FunctionName: record.functionName,
    FunctionArn: formatFunctionArn({ region, accountId: record.accountId, functionName: record.functionName, qualifier }),
    Runtime: configuration.runtime as NonNullable<FunctionConfigurationAnswer['Runtime']>,
    Role: configuration.role,
    Handler: configuration.handler,
    CodeSize: code.archiveBytes,
    Description: configuration.description,
    Timeout: configuration.timeoutSeconds,
    MemorySize: configuration.memorySizeMiB,
    LastModified: record.lastModified.replace('Z', '+0000'),
    CodeSha256: toBase64(code.archiveDigest),
    Version: record.version,
    ...(configuration.deadLetterArn === undefined ? {} : { DeadLetterConfig: { TargetArn: configuration.deadLetterArn } }),
    ...(Object.keys(configuration.environment).length === 0 ? {} : { Environment: { Variables: { ...configuration.environment } } }),
    TracingConfig: { Mode: configuration.tracingMode },
    RevisionId: record.revisionId,
    ...(configuration.layers.length === 0
      ? {}
      : { Layers: configuration.layers.map(({ arn, codeSizeBytes }) => ({ Arn: arn, CodeSize: codeSizeBytes })) }),
    ...stateMembers(options.status ?? record.status),
    PackageType: 'Zip',
    Architectures: [configuration.architecture],
    EphemeralStorage: { Size: configuration.ephemeralStorageMiB },
    SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
    RuntimeVersionConfig: { RuntimeVersionArn: `arn:aws:lambda:${region}::runtime:${configuration.runtimeDigest}` },
    ...(configuration.tenantIsolationMode === undefined ? {} : { TenancyConfig: { TenantIsolationMode: configuration.tenantIsolationMode } }),
    LoggingConfig: loggingConfigAnswer(configuration),
  };
}

/** ListFunctions leaves out what GetFunction says about state. */
export function listedFunctionAnswer(
  record: FunctionRecord,
  options: { region: string; qualifier?: string | undefined },
): FunctionConfigurationAnswer {
  const {
    State: _state,
    StateReason: _stateReason,
    StateReasonCode: _stateReasonCode,
    LastUpdateStatus: _status,
    LastUpdateStatusReason: _statusReason,
    LastUpdateStatusReasonCode: _statusReasonCode,
    RuntimeVersionConfig: _runtime,
    ...listed
  } = functionConfigurationAnswer(record, options);
  return listed;
}

/** A hexadecimal digest as Lambda writes CodeSha256. */
export function toBase64(hexadecimal: string): string {
  return Buffer.from(hexadecimal, 'hex').toString('base64');
}
