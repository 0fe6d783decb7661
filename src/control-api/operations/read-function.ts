import type {
  GetFunctionConfigurationRequest,
  GetFunctionRequest,
  ListFunctionsRequest,
  ListVersionsByFunctionRequest,
} from '@aws-sdk/client-lambda';
import { latestVersion } from '../../functions/arn.ts';
import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionStatus } from '../../functions/function-status.ts';
import { invalidParameter } from '../api-error.ts';
import { archiveLocation } from '../code/archive-location.ts';
import { functionConfigurationAnswer, listedFunctionAnswer } from '../function-configuration/function-configuration-answer.ts';
import { findFunction, nameFunction, nameUnqualifiedFunction } from '../named-function.ts';
import type { Operation, OperationServices } from '../operation.ts';
import { readPage } from '../pagination.ts';

const functionNamePattern = /^[a-zA-Z0-9-_]{1,140}$/;
const versionPattern = /^(\$LATEST|\d{1,15})$/;

/** GetFunction: configuration, tags, and a URL that downloads the code. */
export const getFunction: Operation<GetFunctionRequest> = async (services, call) => {
  const { input, accountId } = call;
  const named = nameFunction(services, { accountId, operation: 'GetFunction', functionName: input.FunctionName, qualifier: input.Qualifier });
  const record = await findFunction(services, named);
  const tags = await services.functions.tags(named.key);
  const reserved = await services.settings.reservedConcurrency(named.key);
  return {
    body: {
      Configuration: functionConfigurationAnswer(record, { region: services.region, qualifier: named.qualifier, status: statusOf(services, record) }),
      Code: { RepositoryType: 'S3', Location: await archiveLocation(services, call, { accountId, archiveDigest: record.code.archiveDigest }) },
      ...(Object.keys(tags).length === 0 ? {} : { Tags: tags }),
      ...(reserved === undefined ? {} : { Concurrency: { ReservedConcurrentExecutions: reserved } }),
    },
  };
};

/** GetFunctionConfiguration. */
export const getFunctionConfiguration: Operation<GetFunctionConfigurationRequest> = async (services, { input, accountId }) => {
  const named = nameFunction(services, {
    accountId,
    operation: 'GetFunctionConfiguration',
    functionName: input.FunctionName,
    qualifier: input.Qualifier,
  });
  const record = await findFunction(services, named);
  return { body: functionConfigurationAnswer(record, { region: services.region, qualifier: named.qualifier, status: statusOf(services, record) }) };
};

/** `$LATEST` that is being changed says so, from the change's first moment. */
function statusOf({ changes }: OperationServices, record: FunctionRecord): FunctionStatus | undefined {
  if (record.status !== undefined || record.version !== latestVersion || !changes.isRunning(record)) return record.status;
  return { state: 'Active', lastUpdate: 'InProgress' };
}

/** ListFunctions: by name; with FunctionVersion ALL every version of each. */
export const listFunctions: Operation<ListFunctionsRequest> = async (services, { input, accountId }) => {
  const { region } = services;
  const allVersions = input.FunctionVersion === 'ALL';
  if (input.MasterRegion !== undefined && !allVersions) throw invalidParameter('FunctionVersion must be set to ALL when MasterRegion is specified.');
  const { items, nextMarker } = await readPage({
    list: allVersions ? 'ListFunctions ALL' : 'ListFunctions',
    marker: input.Marker,
    maxItems: input.MaxItems,
    place: [functionNamePattern, versionPattern],
    placeOf: (record: FunctionRecord) => [record.functionName, record.version],
    read: async ([functionName = '', version = ''] = [], limit) => {
      // A region asks for Lambda@Edge's replicas of that region's functions, and this host has none.
      if (input.MasterRegion !== undefined && input.MasterRegion !== 'ALL') return [];
      return services.functions.list({ accountId, allVersions, after: functionName === '' ? undefined : { functionName, version }, limit });
    },
  });
  return {
    body: {
      Functions: items.map((record) => listedVersion(record, region, allVersions)),
      ...(nextMarker === undefined ? {} : { NextMarker: nextMarker }),
    },
  };
};

/** ListVersionsByFunction: `$LATEST` first, then by number. */
export const listVersionsByFunction: Operation<ListVersionsByFunctionRequest> = async (services, { input, accountId }) => {
  const { region } = services;
  const key = nameUnqualifiedFunction(services, { accountId, operation: 'ListVersionsByFunction', functionName: input.FunctionName });
  await findFunction(services, { key, qualifier: undefined });
  const { items, nextMarker } = await readPage({
    list: 'ListVersionsByFunction',
    marker: input.Marker,
    maxItems: input.MaxItems,
    place: [versionPattern],
    placeOf: (record: FunctionRecord) => [record.version],
    read: (after, limit) => services.functions.listVersions(key, { after: after?.[0], limit }),
  });
  return {
    body: { Versions: items.map((record) => listedVersion(record, region, true)), ...(nextMarker === undefined ? {} : { NextMarker: nextMarker }) },
  };
};

function listedVersion(record: FunctionRecord, region: string, isQualified: boolean) {
  return listedFunctionAnswer(record, { region, qualifier: isQualified ? record.version : undefined });
}
