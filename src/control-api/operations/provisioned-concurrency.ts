import type {
  DeleteProvisionedConcurrencyConfigRequest,
  GetProvisionedConcurrencyConfigRequest,
  ListProvisionedConcurrencyConfigsRequest,
  PutProvisionedConcurrencyConfigRequest,
} from '@aws-sdk/client-lambda';
import { formatFunctionArn, latestVersion } from '../../functions/arn.ts';
import { accountConcurrency } from '../../functions/concurrency-settings.ts';
import type { FunctionAlias } from '../../functions/function-alias.ts';
import type { ProvisionedStatus } from '../../invoke/provisioner.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { findFunction, functionNotFound, type NamedFunction, nameFunction, nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation, OperationServices } from '../operation.ts';
import { readPage } from '../pagination.ts';
import { resolveQualifier } from '../resolve-qualifier.ts';
import type { ProvisionedConcurrency } from '../stores/provisioned-concurrency-store.ts';

const qualifierPattern = /^[a-zA-Z0-9-_]{1,128}$/;
const conflict = (message: string) => new ApiError('ResourceConflictException', message);

type Qualified = Required<NamedFunction> & { readonly qualifier: string; readonly alias: FunctionAlias | undefined; readonly version: string };

/** PutProvisionedConcurrencyConfig: answered as begun; the environments are made after it. */
export const putProvisionedConcurrencyConfig: Operation<PutProvisionedConcurrencyConfigRequest> = async (services, { input, accountId }) => {
  const { key, qualifier, alias, version } = await findQualified(services, {
    accountId,
    operation: 'PutProvisionedConcurrencyConfig',
    input,
    latestIs: 'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
  });
  const { provisioned } = services;
  if (alias !== undefined && (await provisioned.find(key, version)) !== undefined) {
    throw conflict("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version");
  }
  if (alias === undefined && (await isProvisionedByAlias(services, key, version)))
    throw conflict('Version is pointed by a Provisioned Concurrency alias');
  const executions = input.ProvisionedConcurrentExecutions ?? 1;
  await checkBounds(services, { key, qualifier, executions });
  const config = { qualifier, executions, lastModified: new Date(services.clock()).toISOString() };
  await provisioned.put(key, config);
  await services.provisionedTargets.refresh(key);
  const { ready } = services.provisionedTargets.status(key, qualifier);
  return { body: configAnswer(config, { ready, status: 'IN_PROGRESS' }) };
};

/** GetProvisionedConcurrencyConfig. */
export const getProvisionedConcurrencyConfig: Operation<GetProvisionedConcurrencyConfigRequest> = async (services, { input, accountId }) => {
  const { key, qualifier } = await findQualified(services, {
    accountId,
    operation: 'GetProvisionedConcurrencyConfig',
    input,
    latestIs: notPublished,
  });
  const config = await services.provisioned.find(key, qualifier);
  if (config === undefined) {
    throw new ApiError('ProvisionedConcurrencyConfigNotFoundException', 'No Provisioned Concurrency Config found for this function');
  }
  return { body: configAnswer(config, services.provisionedTargets.status(key, qualifier)) };
};

/** DeleteProvisionedConcurrencyConfig: one that is not there is as good as deleted. */
export const deleteProvisionedConcurrencyConfig: Operation<DeleteProvisionedConcurrencyConfigRequest> = async (services, { input, accountId }) => {
  const { key, qualifier } = await findQualified(services, {
    accountId,
    operation: 'DeleteProvisionedConcurrencyConfig',
    input,
    latestIs: notPublished,
  });
  await services.provisioned.remove(key, qualifier);
  await services.provisionedTargets.refresh(key);
  return { status: 204 };
};

/** ListProvisionedConcurrencyConfigs. */
export const listProvisionedConcurrencyConfigs: Operation<ListProvisionedConcurrencyConfigsRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'ListProvisionedConcurrencyConfigs', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  const { items, nextMarker } = await readPage({
    list: `ListProvisionedConcurrencyConfigs ${key.functionName}`,
    marker: input.Marker,
    maxItems: input.MaxItems,
    place: [qualifierPattern],
    placeOf: (config: ProvisionedConcurrency) => [config.qualifier],
    read: (after, limit) => services.provisioned.list(key, { after: after?.[0], limit }),
  });
  const { region } = services;
  return {
    body: {
      ProvisionedConcurrencyConfigs: items.map((config) => ({
        FunctionArn: formatFunctionArn({ region, ...key, qualifier: config.qualifier }),
        ...configAnswer(config, services.provisionedTargets.status(key, config.qualifier)),
      })),
      ...(nextMarker === undefined ? {} : { NextMarker: nextMarker }),
    },
  };
};

const notPublished = 'The function resource provided must be an alias or a published version.';

/** The published version or alias of a request, which exists; `latestIs` is said of `$LATEST`. */
async function findQualified(
  services: OperationServices,
  request: {
    accountId: string;
    operation: string;
    input: { FunctionName?: string | undefined; Qualifier?: string | undefined };
    latestIs: string;
  },
): Promise<Qualified> {
  const { accountId, operation, input, latestIs } = request;
  const { key, qualifier } = nameFunction(services, { accountId, operation, functionName: input.FunctionName, qualifier: input.Qualifier });
  if (qualifier === undefined || qualifier === '' || qualifier === latestVersion) throw invalidParameter(latestIs);
  const resolved = await resolveQualifier(services, { key, qualifier });
  if (resolved === undefined) {
    const arn = formatFunctionArn({ region: services.region, ...key, qualifier });
    throw new ApiError('ResourceNotFoundException', `Cannot find alias arn: ${arn}`);
  }
  const { version, alias } = resolved;
  const found = await services.functions.find(key, version);
  if (found === undefined) throw functionNotFound(services.region, { key, qualifier });
  // Which tenant an environment is for is not known before its first invocation.
  if (found.configuration.tenantIsolationMode !== undefined)
    throw invalidParameter('Provisioned Concurrency is not supported for functions enabled with tenancy configuration.');
  return { key, qualifier, alias, version };
}

async function isProvisionedByAlias(services: OperationServices, key: Qualified['key'], version: string): Promise<boolean> {
  const configs = await services.provisioned.list(key, { after: undefined, limit: 10_000 });
  for (const { qualifier } of configs) {
    const resolved = await resolveQualifier(services, { key, qualifier });
    if (resolved?.alias !== undefined && resolved.version === version) return true;
  }
  return false;
}

/** A function's own reservation bounds what of it is provisioned; without one the account's unreserved executions do. */
async function checkBounds(services: OperationServices, wanted: { key: Qualified['key']; qualifier: string; executions: number }): Promise<void> {
  const { concurrency, settings, provisioned } = services;
  const { key, qualifier, executions } = wanted;
  const reserved = await settings.reservedConcurrency(key);
  if (reserved !== undefined) {
    if ((await provisioned.total(key, qualifier)) + executions <= reserved) return;
    throw invalidParameter('Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function');
  }
  const { total, minUnreserved } = accountConcurrency(concurrency, key.accountId);
  const unreserved = total - (await settings.totalReservedConcurrency(key.accountId));
  if (executions > unreserved) {
    throw invalidParameter(`Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [${unreserved}].`);
  }
  if (unreserved - executions < minUnreserved) {
    throw invalidParameter(
      `Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${minUnreserved}].`,
    );
  }
}

function configAnswer({ executions, lastModified }: ProvisionedConcurrency, { ready, status, reason }: ProvisionedStatus) {
  return {
    RequestedProvisionedConcurrentExecutions: executions,
    AvailableProvisionedConcurrentExecutions: ready,
    AllocatedProvisionedConcurrentExecutions: ready,
    Status: status,
    ...(reason === undefined ? {} : { StatusReason: reason }),
    LastModified: lastModified.replace(/\.\d{3}Z$/, '+0000'),
  };
}
