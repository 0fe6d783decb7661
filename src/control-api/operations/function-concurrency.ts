import type {
  DeleteFunctionConcurrencyRequest,
  GetFunctionConcurrencyRequest,
  GetFunctionRecursionConfigRequest,
  PutFunctionConcurrencyRequest,
  PutFunctionRecursionConfigRequest,
} from '@aws-sdk/client-lambda';
import { latestVersion } from '../../functions/arn.ts';
import { accountConcurrency } from '../../functions/concurrency-settings.ts';
import { invalidParameter } from '../api-error.ts';
import { findFunction, nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';

/** PutFunctionConcurrency: what one function may have at most, and keeps from the others of its account. */
export const putFunctionConcurrency: Operation<PutFunctionConcurrencyRequest> = async (services, { input, accountId }) => {
  const { concurrency, settings } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'PutFunctionConcurrency', functionName: input.FunctionName });
  // Lambda names the version in this operation's answer.
  await findFunction(services, { key, qualifier: latestVersion });
  const executions = input.ReservedConcurrentExecutions ?? 0;
  const provisioned = await services.provisioned.total(key);
  if (executions < provisioned) {
    // The spaces are Lambda's.
    throw invalidParameter(
      ` ReservedConcurrentExecutions  ${executions} should not be lower than function's total provisioned concurrency [${provisioned}].`,
    );
  }
  const { total, minUnreserved } = accountConcurrency(concurrency, accountId);
  if (!(await settings.reserveConcurrency(key, executions, { max: total, minUnreserved }))) {
    throw invalidParameter(
      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of " +
        `[${minUnreserved}].`,
    );
  }
  await services.provisionedTargets.refresh(key);
  return { body: { ReservedConcurrentExecutions: executions } };
};

/** GetFunctionConcurrency: an empty answer for a function that has none reserved. */
export const getFunctionConcurrency: Operation<GetFunctionConcurrencyRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'GetFunctionConcurrency', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  const reserved = await services.settings.reservedConcurrency(key);
  return { body: reserved === undefined ? {} : { ReservedConcurrentExecutions: reserved } };
};

/** DeleteFunctionConcurrency. */
export const deleteFunctionConcurrency: Operation<DeleteFunctionConcurrencyRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'DeleteFunctionConcurrency', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  await services.settings.releaseConcurrency(key);
  await services.provisionedTargets.refresh(key);
  return { status: 204 };
};

/** PutFunctionRecursionConfig. */
export const putFunctionRecursionConfig: Operation<PutFunctionRecursionConfigRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'PutFunctionRecursionConfig', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  const loop = input.RecursiveLoop ?? 'Terminate';
  await services.settings.setRecursiveLoop(key, loop);
  return { body: { RecursiveLoop: loop } };
};

/** GetFunctionRecursionConfig. */
export const getFunctionRecursionConfig: Operation<GetFunctionRecursionConfigRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'GetFunctionRecursionConfig', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  return { body: { RecursiveLoop: await services.settings.recursiveLoop(key) } };
};
