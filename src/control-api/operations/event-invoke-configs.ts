import type {
  DeleteFunctionEventInvokeConfigRequest,
  GetFunctionEventInvokeConfigRequest,
  ListFunctionEventInvokeConfigsRequest,
  PutFunctionEventInvokeConfigRequest,
  UpdateFunctionEventInvokeConfigRequest,
} from '@aws-sdk/client-lambda';
import { CloisterError } from '../../errors.ts';
import { formatFunctionArn, latestVersion } from '../../functions/arn.ts';
import type { EventInvokeConfig } from '../../functions/event-invoke-config.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { checkDestinations } from '../event-destinations.ts';
import { nameFunction } from '../named-function.ts';
import type { Operation, OperationServices } from '../operation.ts';
import { resolveForInvoke } from '../resolve-qualifier.ts';
import type { QualifiedKey } from '../stores/event-invoke-config-store.ts';

const defaultPageSize = 50;

/** PutFunctionEventInvokeConfig: replaces the whole; what is not named goes. */
export const putFunctionEventInvokeConfig: Operation<PutFunctionEventInvokeConfigRequest> = async (services, call) => {
  const { key, given } = await checkedChange(services, call, 'PutFunctionEventInvokeConfig');
  return answer(services, key, await store(services, key, () => given));
};

/** UpdateFunctionEventInvokeConfig: replaces what is named of a configuration that is there. */
export const updateFunctionEventInvokeConfig: Operation<UpdateFunctionEventInvokeConfigRequest> = async (services, call) => {
  const { key, given } = await checkedChange(services, call, 'UpdateFunctionEventInvokeConfig');
  const updated = await store(services, key, (current) => {
    if (current === undefined) throw noConfig(services, key);
    if (call.input.DestinationConfig === undefined) return { ...current, ...given };
    const { onSuccess: _success, onFailure: _failure, ...rest } = current;
    return { ...rest, ...given };
  });
  return answer(services, key, updated);
};

/** GetFunctionEventInvokeConfig. */
export const getFunctionEventInvokeConfig: Operation<GetFunctionEventInvokeConfigRequest> = async (services, { input, accountId }) => {
  const key = nameQualified(services, { accountId, operation: 'GetFunctionEventInvokeConfig', input });
  const config = await services.eventInvokeConfigs.find(key);
  if (config === undefined) throw noConfig(services, key);
  return answer(services, key, config);
};

/** DeleteFunctionEventInvokeConfig. */
export const deleteFunctionEventInvokeConfig: Operation<DeleteFunctionEventInvokeConfigRequest> = async (services, { input, accountId }) => {
  const key = nameQualified(services, { accountId, operation: 'DeleteFunctionEventInvokeConfig', input });
  if (!(await services.eventInvokeConfigs.remove(key))) throw noConfig(services, key);
  return { status: 204 };
};

/** ListFunctionEventInvokeConfigs: of every qualifier of a function. */
export const listFunctionEventInvokeConfigs: Operation<ListFunctionEventInvokeConfigsRequest> = async (services, { input, accountId }) => {
  const { key } = nameFunction(services, { accountId, operation: 'ListFunctionEventInvokeConfigs', functionName: input.FunctionName });
  if ((await services.functions.find(key, latestVersion)) === undefined) throw noFunction();
  const pageSize = input.MaxItems ?? defaultPageSize;
  const after = input.Marker === undefined ? undefined : readMarker(input.Marker);
  const configs = await services.eventInvokeConfigs.list(key, { after, limit: pageSize + 1 });
  const page = configs.slice(0, pageSize);
  const last = page.at(-1);
  return {
    body: {
      FunctionEventInvokeConfigs: page.map((config) => toMembers(services, { ...key, qualifier: config.qualifier }, config)),
      ...(configs.length > pageSize && last !== undefined ? { NextMarker: Buffer.from(last.qualifier).toString('base64url') } : {}),
    },
  };
};

type ChangeInput = PutFunctionEventInvokeConfigRequest | UpdateFunctionEventInvokeConfigRequest;

/** ORDER: Lambda misses a setting before it misses the function. */
async function checkedChange(
  services: OperationServices,
  { input, accountId }: { input: ChangeInput; accountId: string },
  operation: string,
): Promise<{ key: QualifiedKey; given: EventInvokeConfig }> {
  const { MaximumRetryAttempts: attempts, MaximumEventAgeInSeconds: age, DestinationConfig: destinations } = input;
  if (attempts === undefined && age === undefined && destinations === undefined) {
    throw invalidParameter('You must specify at least one of error handling or destination setting.');
  }
  const key = nameQualified(services, { accountId, operation, input });
  if ((await resolveForInvoke(services, { key, qualifier: key.qualifier })) === undefined) throw noFunction();
  const checked = destinations === undefined ? {} : await checkDestinations(services, key, destinations);
  const given = {
    qualifier: key.qualifier,
    lastModifiedMs: services.clock(),
    ...(attempts === undefined ? {} : { maximumRetryAttempts: attempts }),
    ...(age === undefined ? {} : { maximumEventAgeSeconds: age }),
    ...checked,
  };
  return { key, given };
}

async function store(
  services: OperationServices,
  key: QualifiedKey,
  change: (current: EventInvokeConfig | undefined) => EventInvokeConfig,
): Promise<EventInvokeConfig> {
  try {
    return await services.eventInvokeConfigs.put(key, change);
  } catch (error) {
    throw error instanceof CloisterError && error.code === 'NotFound' ? noFunction() : error;
  }
}

function nameQualified(
  services: OperationServices,
  {
    accountId,
    operation,
    input,
  }: { accountId: string; operation: string; input: { FunctionName?: string | undefined; Qualifier?: string | undefined } },
): QualifiedKey {
  const { key, qualifier } = nameFunction(services, { accountId, operation, functionName: input.FunctionName, qualifier: input.Qualifier });
  return { ...key, qualifier: qualifier ?? latestVersion };
}

function answer(services: OperationServices, key: QualifiedKey, config: EventInvokeConfig) {
  return { body: toMembers(services, key, config) };
}

function toMembers({ region }: OperationServices, key: QualifiedKey, config: EventInvokeConfig) {
  const { maximumRetryAttempts: attempts, maximumEventAgeSeconds: age, onSuccess, onFailure } = config;
  return {
    // Seconds, as a timestamp in JSON is.
    LastModified: config.lastModifiedMs / 1_000,
    FunctionArn: formatFunctionArn({ region, ...key }),
    ...(attempts === undefined ? {} : { MaximumRetryAttempts: attempts }),
    ...(age === undefined ? {} : { MaximumEventAgeInSeconds: age }),
    DestinationConfig: {
      OnSuccess: onSuccess === undefined ? {} : { Destination: onSuccess },
      OnFailure: onFailure === undefined ? {} : { Destination: onFailure },
    },
  };
}

function readMarker(marker: string): string {
  const qualifier = Buffer.from(marker, 'base64url').toString('utf8');
  if (!/^[$a-zA-Z0-9-_]{1,128}$/.test(qualifier)) throw invalidParameter('Invalid pagination token: Marker');
  return qualifier;
}

function noFunction(): ApiError {
  return new ApiError('ResourceNotFoundException', "The function doesn't exist.");
}

function noConfig({ region }: OperationServices, key: QualifiedKey): ApiError {
  return new ApiError('ResourceNotFoundException', `The function ${formatFunctionArn({ region, ...key })} doesn't have an EventInvokeConfig`);
}
