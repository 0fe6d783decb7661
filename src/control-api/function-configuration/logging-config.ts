import type { LoggingConfig } from '@aws-sdk/client-lambda';
import type { FunctionConfiguration } from '../../functions/function-record.ts';
import { invalidParameter } from '../api-error.ts';

type LoggingSettings = Pick<FunctionConfiguration, 'logGroup' | 'jsonLogging'>;

/** How a function logs: what the input does not name stays as in `current`. A log that becomes text has no levels any more. */
export function applyLoggingConfig(input: LoggingConfig | undefined, current: LoggingSettings | undefined, defaultLogGroup: string): LoggingSettings {
  const logGroup = input?.LogGroup ?? current?.logGroup ?? defaultLogGroup;
  const { ApplicationLogLevel: applicationLevel, SystemLogLevel: systemLevel } = input ?? {};
  const isJson = input?.LogFormat === undefined ? current?.jsonLogging !== undefined : input.LogFormat === 'JSON';
  if (!isJson) {
    if (applicationLevel === undefined && systemLevel === undefined) return { logGroup };
    throw invalidParameter(
      'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "Json" and try again.',
    );
  }
  return {
    logGroup,
    jsonLogging: {
      applicationLevel: applicationLevel ?? current?.jsonLogging?.applicationLevel ?? 'INFO',
      systemLevel: systemLevel ?? current?.jsonLogging?.systemLevel ?? 'INFO',
    },
  };
}

/** The settings as Lambda's API shows them. */
export function loggingConfigAnswer({ logGroup, jsonLogging }: LoggingSettings): LoggingConfig {
  if (jsonLogging === undefined) return { LogFormat: 'Text', LogGroup: logGroup };
  return {
    LogFormat: 'JSON',
    ApplicationLogLevel: jsonLogging.applicationLevel,
    SystemLogLevel: jsonLogging.systemLevel,
    LogGroup: logGroup,
  };
}
