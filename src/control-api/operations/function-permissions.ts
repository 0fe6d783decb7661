import type { AddPermissionRequest, GetPolicyRequest, RemovePermissionRequest } from '@aws-sdk/client-lambda';
import { formatFunctionArn, latestVersion } from '../../functions/arn.ts';
import { policyDocument } from '../../functions/resource-policy.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { functionNotFound, type NamedFunction, nameFunction } from '../named-function.ts';
import type { Operation, OperationServices } from '../operation.ts';
import { addStatement, noPolicy, removeStatement } from '../policies/policy-changes.ts';
import { permissionStatement } from '../policies/policy-statement.ts';
import { resolveQualifier } from '../resolve-qualifier.ts';

/** AddPermission: one statement more in the policy of a function, a version or an alias. */
export const addPermission: Operation<AddPermissionRequest> = async (services, { input, accountId }) => {
  const named = nameFunction(services, { accountId, operation: 'AddPermission', functionName: input.FunctionName, qualifier: input.Qualifier });
  const { key, qualifier } = named;
  if (qualifier === latestVersion) throw invalidParameter('We currently do not support adding policies for $LATEST.');
  await checkResource(services, named, () => functionNotFound(services.region, { key, qualifier: undefined }));
  const statement = permissionStatement(input, formatFunctionArn({ region: services.region, ...key, qualifier }));
  await services.policies.changeForFunction({ ...key, qualifier }, addStatement(statement, { revisionId: input.RevisionId, reader: 'GetPolicy' }));
  return { body: { Statement: JSON.stringify(statement) } };
};

/** RemovePermission. */
export const removePermission: Operation<RemovePermissionRequest> = async (services, { input, accountId }) => {
  const named = nameFunction(services, { accountId, operation: 'RemovePermission', functionName: input.FunctionName, qualifier: input.Qualifier });
  const { key, qualifier } = named;
  await checkResource(services, named, () => {
    return new ApiError('ResourceNotFoundException', `No policy found for: ${formatFunctionArn({ region: services.region, ...key })}`);
  });
  if (qualifier === latestVersion) throw noPolicy();
  await services.policies.changeForFunction(
    { ...key, qualifier },
    removeStatement(input.StatementId ?? '', { revisionId: input.RevisionId, reader: 'GetPolicy' }),
  );
  return { status: 204 };
};

/** GetPolicy. */
export const getPolicy: Operation<GetPolicyRequest> = async (services, { input, accountId }) => {
  const { key, qualifier } = nameFunction(services, {
    accountId,
    operation: 'GetPolicy',
    functionName: input.FunctionName,
    qualifier: input.Qualifier,
  });
  const policy = await services.policies.findForFunction({ ...key, qualifier });
  if (policy === undefined) throw new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.');
  return { body: { Policy: policyDocument(policy.statements), RevisionId: policy.revisionId } };
};

/** Throws when the function is not there (`missing` says so), or the version or alias of it. */
async function checkResource(services: OperationServices, { key, qualifier }: NamedFunction, missing: () => ApiError): Promise<void> {
  if ((await services.functions.find(key, latestVersion)) === undefined) throw missing();
  const resolved = await resolveQualifier(services, { key, qualifier });
  if (qualifier === undefined || (resolved !== undefined && (await services.functions.find(key, resolved.version)) !== undefined)) return;
  const arn = formatFunctionArn({ region: services.region, ...key, qualifier });
  if (/^\d+$/.test(qualifier) || qualifier.includes('$')) throw functionNotFound(services.region, { key, qualifier });
  throw new ApiError('ResourceNotFoundException', `Cannot find alias arn: ${arn}`);
}
