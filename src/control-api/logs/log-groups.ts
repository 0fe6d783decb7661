import { formatLogGroupArn, readLogGroupReference } from './log-group-arn.ts';
import type { LogGroupKey, StoredLogGroup } from './log-storage.ts';
import { invalidLogsParameter, LogsError, noSuchGroup } from './logs-error.ts';
import type { LogsOperation, LogsServices } from './logs-operation.ts';
import { readLogsPage } from './logs-page.ts';

/** AWS's: "Possible values are …" (PutRetentionPolicy). */
const retentionDays = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/** A group without events takes a directory and a file. */
const maxGroups = 10_000;

interface DescribeLogGroupsInput {
  readonly accountIdentifiers?: readonly string[];
  readonly logGroupNamePrefix?: string;
  readonly logGroupNamePattern?: string;
  readonly nextToken?: string;
  readonly limit?: number;
  readonly logGroupClass?: string;
  readonly logGroupIdentifiers?: readonly string[];
}

export const describeLogGroups: LogsOperation = async (services, { accountId, input }) => {
  const { storage, region } = services;
  const { accountIdentifiers, logGroupNamePrefix, logGroupNamePattern, nextToken, limit, ...wanted } = input as DescribeLogGroupsInput;
  if (logGroupNamePrefix !== undefined && logGroupNamePattern !== undefined) {
    throw invalidLogsParameter('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
  }
  const named = wanted.logGroupIdentifiers?.map((text) => readLogGroupReference(text, { region, accountId }).logGroup);
  const isWanted = ({ name }: StoredLogGroup) =>
    name.startsWith(logGroupNamePrefix ?? '') &&
    name.includes(logGroupNamePattern ?? '') &&
    (named?.includes(name) ?? true) &&
    (accountIdentifiers === undefined || accountIdentifiers.length === 0 || accountIdentifiers.includes(accountId)) &&
    (wanted.logGroupClass ?? 'STANDARD') === 'STANDARD';
  const page = await readLogsPage({
    list: 'DescribeLogGroups',
    nextToken,
    limit,
    placeOf: ({ name }) => [name],
    isAfter: ({ name }, [last = '']) => name > last,
    items: (await storage.listGroups(accountId)).filter(isWanted),
  });
  const logGroups = await Promise.all(page.items.map((group) => describe(services, { accountId, logGroup: group.name }, group)));
  return { logGroups, ...page.next };
};

async function describe({ storage, region }: LogsServices, key: LogGroupKey, { name, createdAt, retentionInDays }: StoredLogGroup) {
  const logGroupArn = formatLogGroupArn({ region, ...key });
  return {
    logGroupName: name,
    creationTime: createdAt,
    ...(retentionInDays === undefined ? {} : { retentionInDays }),
    metricFilterCount: 0,
    arn: `${logGroupArn}:*`,
    storedBytes: await storage.storedBytes(key),
    logGroupClass: 'STANDARD',
    logGroupArn,
  };
}

interface CreateLogGroupInput {
  readonly logGroupName: string;
  readonly kmsKeyId?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly logGroupClass?: string;
  readonly deletionProtectionEnabled?: boolean;
}

export const createLogGroup: LogsOperation = async ({ storage }, { accountId, input }) => {
  const { logGroupName, tags = {}, ...settings } = input as unknown as CreateLogGroupInput;
  if (settings.kmsKeyId !== undefined) throw invalidLogsParameter('Cloister has no keys of KMS: leave out kmsKeyId.');
  if ((settings.logGroupClass ?? 'STANDARD') !== 'STANDARD') throw invalidLogsParameter('Cloister has log groups of the class STANDARD only.');
  if (settings.deletionProtectionEnabled === true) throw invalidLogsParameter('Cloister has no deletion protection of log groups.');
  const groups = await storage.listGroups(accountId);
  if (groups.length >= maxGroups && !groups.some(({ name }) => name === logGroupName)) {
    throw new LogsError('LimitExceededException', 'Resource limit exceeded.');
  }
  if (!(await storage.createGroup({ accountId, logGroup: logGroupName }, { tags }))) {
    throw new LogsError('ResourceAlreadyExistsException', 'The specified log group already exists');
  }
  return undefined;
};

export const deleteLogGroup: LogsOperation = async ({ storage }, { accountId, input }) => {
  const { logGroupName } = input as unknown as { readonly logGroupName: string };
  if (!(await storage.deleteGroup({ accountId, logGroup: logGroupName }))) throw noSuchGroup();
  return undefined;
};

export const putRetentionPolicy: LogsOperation = async ({ storage }, { accountId, input }) => {
  const { logGroupName, retentionInDays } = input as unknown as { readonly logGroupName: string; readonly retentionInDays: number };
  if (!retentionDays.includes(retentionInDays)) {
    const constraint = `Member must satisfy enum value set: [${retentionDays.join(', ')}]`;
    throw invalidLogsParameter(
      `1 validation error detected: Value '${retentionInDays}' at 'retentionInDays' failed to satisfy constraint: ${constraint}`,
    );
  }
  if (!(await storage.changeGroup({ accountId, logGroup: logGroupName }, (group) => ({ ...group, retentionInDays })))) throw noSuchGroup();
  return undefined;
};

export const deleteRetentionPolicy: LogsOperation = async ({ storage }, { accountId, input }) => {
  const { logGroupName } = input as unknown as { readonly logGroupName: string };
  const withoutRetention = ({ retentionInDays: _ended, ...group }: StoredLogGroup) => group;
  if (!(await storage.changeGroup({ accountId, logGroup: logGroupName }, withoutRetention))) throw noSuchGroup();
  return undefined;
};
