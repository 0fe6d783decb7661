import type { DeleteFunctionRequest } from '@aws-sdk/client-lambda';
import { latestVersion } from '../../functions/arn.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { findFunction, functionNotFound, nameFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';
import { isAliasName } from '../resolve-qualifier.ts';

/** DeleteFunction: the whole function, or with a qualifier one published version; a version that is not there is as good as deleted. */
export const deleteFunction: Operation<DeleteFunctionRequest> = async (services, { input, accountId }) => {
  const named = nameFunction(services, { accountId, operation: 'DeleteFunction', functionName: input.FunctionName, qualifier: input.Qualifier });
  const { key, qualifier } = named;
  if (qualifier === latestVersion) throw invalidParameter('$LATEST version cannot be deleted without deleting the function.');
  if (qualifier !== undefined && isAliasName(qualifier)) throw invalidParameter('Deletion of aliases is not currently supported.');
  await findFunction(services, { key, qualifier: undefined });
  const { removed, aliases } = await services.functions.remove(key, qualifier);
  if (aliases !== undefined) {
    throw new ApiError('ResourceConflictException', `Unable to delete version because the following aliases reference it: [${aliases.join(', ')}]`);
  }
  if (!removed && qualifier === undefined) throw functionNotFound(services.region, named);
  await services.provisionedTargets.refresh(key);
  services.invoker.retire(qualifier === undefined ? key : { ...key, version: qualifier });
  // What waits for a function that is gone has nobody to run it.
  if (qualifier === undefined) await services.events.forget(key);
  services.code.sweep(accountId);
  return { status: 204 };
};
