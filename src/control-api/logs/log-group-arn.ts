import type { LogGroupKey } from './log-storage.ts';
import { invalidLogsParameter, noSuchGroup } from './logs-error.ts';
import type { LogsRequest, LogsServices } from './logs-operation.ts';

interface GroupLocation extends LogGroupKey {
  readonly region: string;
}

const arnPattern = /^arn:aws[a-zA-Z-]*:logs:([a-z0-9-]+):(\d{12}):log-group:([.\-_/#A-Za-z0-9]{1,512})(?::[*])?$/;

/** `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`, without the `:*` that stands for its streams. */
export function formatLogGroupArn({ region, accountId, logGroup }: GroupLocation): string {
  return `arn:aws:logs:${region}:${accountId}:log-group:${logGroup}`;
}

/** The group an ARN or a name stands for. SECURITY: one of another account or region is answered as one that is not there. */
export function readLogGroupReference(text: string, { region, accountId }: Pick<GroupLocation, 'region' | 'accountId'>): LogGroupKey {
  if (!text.startsWith('arn:')) return { accountId, logGroup: text };
  const [, arnRegion, arnAccount, logGroup] = arnPattern.exec(text) ?? [];
  if (logGroup === undefined) throw invalidLogsParameter('The specified log group identifier is not a name or an ARN of a log group.');
  if (arnRegion !== region || arnAccount !== accountId) throw noSuchGroup();
  return { accountId, logGroup };
}

/** The group of a request that names it by exactly one of `logGroupName` and `logGroupIdentifier`. */
export function groupOfRequest({ region }: Pick<LogsServices, 'region'>, { accountId, input }: LogsRequest): LogGroupKey {
  const { logGroupName, logGroupIdentifier } = input as { readonly logGroupName?: string; readonly logGroupIdentifier?: string };
  if (logGroupName !== undefined && logGroupIdentifier !== undefined) {
    throw invalidLogsParameter('LogGroup name and LogGroup identifier are mutually exclusive parameters.');
  }
  if (logGroupName !== undefined) return { accountId, logGroup: logGroupName };
  if (logGroupIdentifier === undefined) throw invalidLogsParameter('Either LogGroup name or LogGroup identifier must be specified.');
  return readLogGroupReference(logGroupIdentifier, { region, accountId });
}
