import type { ListTagsRequest, TagResourceRequest, UntagResourceRequest } from '@aws-sdk/client-lambda';
import { CloisterError } from '../../errors.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { checkTags } from '../function-configuration/configuration-checks.ts';
import { findFunction, functionNotFound, nameFunction } from '../named-function.ts';
import { notSupported } from '../not-supported.ts';
import type { Operation, OperationServices } from '../operation.ts';
import type { FunctionKey } from '../stores/function-store.ts';

/** What has tags beside functions, as its ARN names it, and Lambda's words when it is not there. */
const otherResources: readonly (readonly [RegExp, string])[] = [
  [/:event-source-mapping:/, 'Event source mapping not found: '],
  [/:capacity-provider:/, 'Capacity provider not found: '],
];

/** TagResource: adds tags, and replaces those of the same key. */
export const tagResource: Operation<TagResourceRequest> = async (services, { input, accountId }) => {
  const given = input.Tags ?? {};
  const key = await taggedFunction(services, { accountId, operation: 'TagResource', resource: input.Resource });
  // Lambda's own words, as recorded.
  if (Object.keys(given).length === 0) throw invalidParameter('An error occurred and the request cannot be processed.');
  await changeTags(services, key, (current) => ({ ...current, ...given }));
  return { status: 204 };
};

/** UntagResource: keys that are not there are as good as removed. */
export const untagResource: Operation<UntagResourceRequest> = async (services, { input, accountId }) => {
  const key = await taggedFunction(services, { accountId, operation: 'UntagResource', resource: input.Resource });
  const removed = new Set(input.TagKeys);
  await changeTags(services, key, (current) => Object.fromEntries(Object.entries(current).filter(([name]) => !removed.has(name))));
  return { status: 204 };
};

/** ListTags. */
export const listTags: Operation<ListTagsRequest> = async (services, { input, accountId }) => {
  const key = await taggedFunction(services, { accountId, operation: 'ListTags', resource: input.Resource });
  return { body: { Tags: await services.functions.tags(key) } };
};

async function changeTags(
  services: OperationServices,
  key: FunctionKey,
  change: (current: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
): Promise<void> {
  const changed = services.functions.changeTags(key, (current) => {
    const tags = change(current);
    return { tags, isolation: checkTags(tags, services.limits) };
  });
  await changed.catch((error: unknown) => {
    throw error instanceof CloisterError && error.code === 'NotFound' ? functionNotFound(services.region, { key, qualifier: undefined }) : error;
  });
}

/** The function a tag operation names. Throws for what has no tags of its own here. */
async function taggedFunction(
  services: OperationServices,
  request: { accountId: string; operation: string; resource: string | undefined },
): Promise<FunctionKey> {
  const { accountId, operation, resource = '' } = request;
  for (const [pattern, words] of otherResources) if (pattern.test(resource)) throw new ApiError('ResourceNotFoundException', `${words}${resource}`);
  if (!resource.includes(':function:')) throw notSupported(`${operation} on ${resource.split(':')[5] ?? 'this resource'}`);
  const { key, qualifier } = nameFunction(services, { accountId, operation, functionName: resource });
  if (qualifier !== undefined) throw invalidParameter('Tags on function aliases and versions are not supported. Please specify a function ARN.');
  await findFunction(services, { key, qualifier: undefined });
  return key;
}
