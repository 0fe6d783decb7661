import type {
  DeleteFunctionCodeSigningConfigRequest,
  GetFunctionCodeSigningConfigRequest,
  PutFunctionCodeSigningConfigRequest,
} from '@aws-sdk/client-lambda';
import { formatCodeSigningConfigArn } from '../../functions/code-signing-config.ts';
import { codeSigningConfigToUse } from '../code/code-signing.ts';
import { findFunction, nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';

/** PutFunctionCodeSigningConfig: code that is there already stays, and is not looked at. */
export const putFunctionCodeSigningConfig: Operation<PutFunctionCodeSigningConfigRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'PutFunctionCodeSigningConfig', functionName: input.FunctionName });
  const arn = input.CodeSigningConfigArn ?? '';
  const config = await codeSigningConfigToUse(services, accountId, arn);
  await findFunction(services, { key, qualifier: undefined });
  await services.codeSigning.assign(key, config.id);
  return { body: { CodeSigningConfigArn: arn, FunctionName: key.functionName } };
};

/** GetFunctionCodeSigningConfig: an empty answer for a function that has none. */
export const getFunctionCodeSigningConfig: Operation<GetFunctionCodeSigningConfigRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'GetFunctionCodeSigningConfig', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  const id = await services.codeSigning.configIdOf(key);
  if (id === undefined) return { body: {} };
  return { body: { CodeSigningConfigArn: formatCodeSigningConfigArn({ region: services.region, accountId, id }), FunctionName: key.functionName } };
};

/** DeleteFunctionCodeSigningConfig: takes the configuration from the function. */
export const deleteFunctionCodeSigningConfig: Operation<DeleteFunctionCodeSigningConfigRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'DeleteFunctionCodeSigningConfig', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  await services.codeSigning.assign(key, undefined);
  return { status: 204 };
};
