import type { DeleteFunctionRequest } from '@aws-sdk/client-lambda';
import { latestVersion } from '../../functions/arn.ts';
import { invalidParameter } from '../api-error.ts';
import { functionNotFound, nameFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';

/** DeleteFunction: the whole function, or with a qualifier one published version. */
export const deleteFunction: Operation<DeleteFunctionRequest> = async (services, { input, accountId }) => {
  const named = nameFunction(services, { accountId, operation: 'DeleteFunction', functionName: input.FunctionName, qualifier: input.Qualifier });
  const { key, qualifier } = named;
  if (qualifier === latestVersion) throw invalidParameter('$LATEST version cannot be deleted without deleting the function.');
  if (!(await services.functions.remove(key, qualifier))) throw functionNotFound(services.region, named);
  services.invoker.retire(qualifier === undefined ? key : { ...key, version: qualifier });
  services.code.sweep(accountId);
  return { status: 204 };
};
