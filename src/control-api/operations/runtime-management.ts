import type { GetRuntimeManagementConfigRequest, PutRuntimeManagementConfigRequest } from '@aws-sdk/client-lambda';
import { formatFunctionArn } from '../../functions/arn.ts';
import { invalidParameter } from '../api-error.ts';
import { findFunction, nameFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';

/** PutRuntimeManagementConfig: Auto alone. A runtime is the administrator's: a newer build of its name serves every function from then on. */
export const putRuntimeManagementConfig: Operation<PutRuntimeManagementConfigRequest> = async (services, { input, accountId }) => {
  const named = nameFunction(services, {
    accountId,
    operation: 'PutRuntimeManagementConfig',
    functionName: input.FunctionName,
    qualifier: input.Qualifier,
  });
  await findFunction(services, named);
  if (input.UpdateRuntimeOn !== 'Auto') {
    throw invalidParameter(
      `UpdateRuntimeOn ${input.UpdateRuntimeOn} is not supported by Cloister: a function runs on the runtime that the host's administrator has built last. Use Auto.`,
    );
  }
  if (input.RuntimeVersionArn !== undefined) throw invalidParameter('RuntimeVersionArn can be set with UpdateRuntimeOn Manual only.');
  return { body: { UpdateRuntimeOn: 'Auto', FunctionArn: formatFunctionArn({ region: services.region, ...named.key, qualifier: named.qualifier }) } };
};

/** GetRuntimeManagementConfig. */
export const getRuntimeManagementConfig: Operation<GetRuntimeManagementConfigRequest> = async (services, { input, accountId }) => {
  const named = nameFunction(services, {
    accountId,
    operation: 'GetRuntimeManagementConfig',
    functionName: input.FunctionName,
    qualifier: input.Qualifier,
  });
  await findFunction(services, named);
  return { body: { UpdateRuntimeOn: 'Auto', FunctionArn: formatFunctionArn({ region: services.region, ...named.key, qualifier: named.qualifier }) } };
};
