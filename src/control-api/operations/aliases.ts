import { randomUUID } from 'node:crypto';
import type {
  AliasConfiguration,
  AliasRoutingConfiguration,
  CreateAliasRequest,
  DeleteAliasRequest,
  GetAliasRequest,
  ListAliasesRequest,
  UpdateAliasRequest,
} from '@aws-sdk/client-lambda';
import { formatFunctionArn, latestVersion } from '../../functions/arn.ts';
import type { FunctionAlias, WeightedVersion } from '../../functions/function-alias.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { checkRevision, findFunction, functionNotFound, nameUnqualifiedFunction } from '../named-function.ts';
import { notSupported } from '../not-supported.ts';
import type { Operation } from '../operation.ts';
import { readPage } from '../pagination.ts';
import type { AliasChange, AliasKey } from '../stores/alias-store.ts';

/** CreateAlias. */
export const createAlias: Operation<CreateAliasRequest> = async (services, { input, accountId }) => {
  const { region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'CreateAlias', functionName: input.FunctionName });
  const functionVersion = checkedVersion(input.FunctionVersion) ?? latestVersion;
  await findFunction(services, { key, qualifier: functionVersion });
  const alias: FunctionAlias = {
    ...key,
    aliasName: input.Name ?? '',
    functionVersion,
    description: input.Description ?? '',
    revisionId: randomUUID(),
    ...routingOf(input.RoutingConfig),
  };
  checkRouting(alias);
  const change = await services.aliases.create(alias);
  return { body: aliasAnswer(changed(change, alias, region), region) };
};

/** GetAlias. */
export const getAlias: Operation<GetAliasRequest> = async (services, { input, accountId }) => {
  const { region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'GetAlias', functionName: input.FunctionName });
  const aliasKey = { ...key, aliasName: input.Name ?? '' };
  const alias = await services.aliases.find(aliasKey);
  if (alias === undefined) throw new ApiError('ResourceNotFoundException', `Cannot find alias arn: ${aliasArn(aliasKey, region)}`);
  return { body: aliasAnswer(alias, region) };
};

/** UpdateAlias: what the request does not name stays; the revision changes all the same. */
export const updateAlias: Operation<UpdateAliasRequest> = async (services, { input, accountId }) => {
  const { region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'UpdateAlias', functionName: input.FunctionName });
  const aliasKey = { ...key, aliasName: input.Name ?? '' };
  const functionVersion = checkedVersion(input.FunctionVersion);
  const change = await services.aliases.update(aliasKey, (current) => {
    checkRevision(current, input.RevisionId);
    const { additionalVersion, ...rest } = current;
    const routing =
      input.RoutingConfig === undefined ? (additionalVersion === undefined ? {} : { additionalVersion }) : routingOf(input.RoutingConfig);
    const updated: FunctionAlias = {
      ...rest,
      functionVersion: functionVersion ?? current.functionVersion,
      description: input.Description ?? current.description,
      revisionId: randomUUID(),
      ...routing,
    };
    checkRouting(updated);
    return updated;
  });
  await services.provisionedTargets.refresh(key);
  return { body: aliasAnswer(changed(change, aliasKey, region), region) };
};

/** DeleteAlias: answers the same when there is none; the service model knows no other answer. */
export const deleteAlias: Operation<DeleteAliasRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'DeleteAlias', functionName: input.FunctionName });
  await services.aliases.remove({ ...key, aliasName: input.Name ?? '' });
  await services.provisionedTargets.refresh(key);
  return { status: 204 };
};

/** ListAliases: by name. */
export const listAliases: Operation<ListAliasesRequest> = async (services, { input, accountId }) => {
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'ListAliases', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  const { items, nextMarker } = await readPage({
    list: 'ListAliases',
    marker: input.Marker,
    maxItems: input.MaxItems,
    place: [/^[a-zA-Z0-9-_]{1,128}$/],
    placeOf: (alias: FunctionAlias) => [alias.aliasName],
    read: (after, limit) => services.aliases.list(key, { functionVersion: input.FunctionVersion, after: after?.[0], limit }),
  });
  return {
    body: { Aliases: items.map((alias) => aliasAnswer(alias, services.region)), ...(nextMarker === undefined ? {} : { NextMarker: nextMarker }) },
  };
};

function routingOf(routing: AliasRoutingConfiguration | undefined): { additionalVersion?: WeightedVersion } {
  const weights = Object.entries(routing?.AdditionalVersionWeights ?? {});
  if (weights.length > 1) throw invalidParameter('Number of items in AdditionalVersionWeights cannot be greater than 1');
  const [first] = weights;
  return first === undefined ? {} : { additionalVersion: { version: first[0], weight: first[1] } };
}

function checkRouting({ functionVersion, additionalVersion }: FunctionAlias): void {
  if (additionalVersion === undefined) return;
  if (functionVersion === latestVersion) throw invalidParameter('$LATEST is not supported for an alias pointing to more than 1 version');
  if (additionalVersion.version === functionVersion) {
    throw invalidParameter(
      `Invalid function version ${functionVersion}. Function version ${functionVersion} is already included in routing configuration.`,
    );
  }
}

/** `$LATEST.PUBLISHED` is a version of functions with a capacity provider. */
function checkedVersion(version: string | undefined): string | undefined {
  if (version === `${latestVersion}.PUBLISHED`) throw notSupported('CreateAlias or UpdateAlias with FunctionVersion $LATEST.PUBLISHED');
  return version;
}

/** The alias as it is now; throws Lambda's error when the change was refused. */
function changed(change: AliasChange, key: AliasKey, region: string): FunctionAlias {
  if ('alias' in change) return change.alias;
  if (change.refused === 'noVersion') throw functionNotFound(region, { key, qualifier: change.version });
  if (change.refused === 'exists') throw new ApiError('ResourceConflictException', `Alias already exists: ${aliasArn(key, region)}`);
  throw new ApiError('ResourceNotFoundException', `Alias not found: ${aliasArn(key, region)}`);
}

function aliasArn({ accountId, functionName, aliasName }: AliasKey, region: string): string {
  return formatFunctionArn({ region, accountId, functionName, qualifier: aliasName });
}

function aliasAnswer(alias: FunctionAlias, region: string): AliasConfiguration {
  const { additionalVersion } = alias;
  return {
    AliasArn: aliasArn(alias, region),
    Name: alias.aliasName,
    FunctionVersion: alias.functionVersion,
    Description: alias.description,
    ...(additionalVersion === undefined
      ? {}
      : { RoutingConfig: { AdditionalVersionWeights: { [additionalVersion.version]: additionalVersion.weight } } }),
    RevisionId: alias.revisionId,
  };
}
