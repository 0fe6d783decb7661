import { readLogGroupReference } from './log-group-arn.ts';
import type { LogGroupKey, StoredLogGroup } from './log-storage.ts';
import { invalidLogsParameter, LogsError, noSuchGroup } from './logs-error.ts';
import type { LogsOperation, LogsRequest, LogsServices } from './logs-operation.ts';

const maxTags = 50;

export const listTagsForResource: LogsOperation = async (services, request) => {
  const group = await services.storage.findGroup(groupOfArn(services, request));
  if (group === undefined) throw noSuchGroup();
  return { tags: group.tags };
};

export const tagResource: LogsOperation = async (services, request) => {
  const { tags } = request.input as unknown as { readonly tags: Readonly<Record<string, string>> };
  await changeTags(services, request, (present) => ({ ...present, ...tags }));
  return undefined;
};

export const untagResource: LogsOperation = async (services, request) => {
  const { tagKeys } = request.input as unknown as { readonly tagKeys: readonly string[] };
  await changeTags(services, request, (present) => Object.fromEntries(Object.entries(present).filter(([key]) => !tagKeys.includes(key))));
  return undefined;
};

async function changeTags(services: LogsServices, request: LogsRequest, change: (tags: StoredLogGroup['tags']) => StoredLogGroup['tags']) {
  const isThere = await services.storage.changeGroup(groupOfArn(services, request), (group) => {
    const tags = change(group.tags);
    if (Object.keys(tags).length > maxTags) throw new LogsError('TooManyTagsException', `A resource can have no more than ${maxTags} tags.`);
    return { ...group, tags };
  });
  if (!isThere) throw noSuchGroup();
}

function groupOfArn({ region }: LogsServices, { accountId, input }: LogsRequest): LogGroupKey {
  const { resourceArn } = input as unknown as { readonly resourceArn: string };
  if (!resourceArn.startsWith('arn:')) throw invalidLogsParameter('The specified resource ARN is invalid.');
  return readLogGroupReference(resourceArn, { region, accountId });
}
