import type { GetFunctionConfigurationRequest, GetFunctionRequest, ListFunctionsRequest } from '@aws-sdk/client-lambda';
import type { FunctionRecord } from '../../functions/function-record.ts';
import { invalidParameter } from '../api-error.ts';
import { archiveLocation } from '../archive-location.ts';
import { functionConfigurationAnswer, listedFunctionAnswer } from '../function-configuration-answer.ts';
import { findFunction, nameFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';

/** Lambda's pages have at most 50 functions, whatever is asked for. */
const maxPageSize = 50;

/** GetFunction: configuration, tags, and a URL that downloads the code. */
export const getFunction: Operation<GetFunctionRequest> = async (services, call) => {
  const { input, accountId } = call;
  const named = nameFunction(services, { accountId, operation: 'GetFunction', functionName: input.FunctionName, qualifier: input.Qualifier });
  const record = await findFunction(services, named);
  const tags = await services.functions.tags(named.key);
  return {
    body: {
      Configuration: functionConfigurationAnswer(record, { region: services.region, qualifier: named.qualifier }),
      Code: { RepositoryType: 'S3', Location: await archiveLocation(services, call, { accountId, archiveDigest: record.code.archiveDigest }) },
      ...(Object.keys(tags).length === 0 ? {} : { Tags: tags }),
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
  return { body: functionConfigurationAnswer(record, { region: services.region, qualifier: named.qualifier }) };
};

/** ListFunctions: by name; with FunctionVersion ALL every version of each. */
export const listFunctions: Operation<ListFunctionsRequest> = async (services, { input, accountId }) => {
  const { region } = services;
  const allVersions = input.FunctionVersion === 'ALL';
  const pageSize = Math.min(input.MaxItems ?? maxPageSize, maxPageSize);
  const after = input.Marker === undefined ? undefined : readMarker(input.Marker);
  // One more than a page shows whether there is a next.
  const records = await services.functions.list({ accountId, allVersions, after, limit: pageSize + 1 });
  const page = records.slice(0, pageSize);
  const last = page.at(-1);
  return {
    body: {
      Functions: page.map((record) => listedFunctionAnswer(record, { region, qualifier: allVersions ? record.version : undefined })),
      ...(records.length > pageSize && last !== undefined ? { NextMarker: writeMarker(last) } : {}),
    },
  };
};

function writeMarker({ functionName, version }: FunctionRecord): string {
  return Buffer.from(`${functionName}:${version}`).toString('base64url');
}

function readMarker(marker: string): { functionName: string; version: string } {
  const [, functionName, version] = /^([a-zA-Z0-9-_]+):(\$LATEST|\d{1,15})$/.exec(Buffer.from(marker, 'base64url').toString('utf8')) ?? [];
  if (functionName === undefined || version === undefined) throw invalidParameter('Invalid pagination token: Marker');
  return { functionName, version };
}
