import { randomBytes } from 'node:crypto';
import type {
  CreateFunctionUrlConfigRequest,
  DeleteFunctionUrlConfigRequest,
  FunctionUrlConfig,
  GetFunctionUrlConfigRequest,
  ListFunctionUrlConfigsRequest,
  UpdateFunctionUrlConfigRequest,
} from '@aws-sdk/client-lambda';
import { formatFunctionArn, latestVersion } from '../../functions/arn.ts';
import type { FunctionUrl, FunctionUrlCors } from '../../functions/function-url.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { formatFunctionUrl, makeUrlId } from '../function-url/url-location.ts';
import { type NamedFunction, nameFunction } from '../named-function.ts';
import type { Operation, OperationCall, OperationServices } from '../operation.ts';

/** Lambda's pages have at most 50 configurations, whatever is asked for. */
const maxPageSize = 50;
const methods: ReadonlySet<string> = new Set(['GET', 'PUT', 'HEAD', 'POST', 'PATCH', 'DELETE', '*']);

/** CreateFunctionUrlConfig: an address for the function, or for one of its aliases. */
export const createFunctionUrlConfig: Operation<CreateFunctionUrlConfigRequest> = async (services, call) => {
  const { input, accountId } = call;
  const { key, qualifier } = nameUrl(services, accountId, 'CreateFunctionUrlConfig', input);
  checkCors(input.Cors);
  await checkResource(services, { key, qualifier });
  const now = new Date(services.clock()).toISOString();
  const url: FunctionUrl = {
    ...key,
    qualifier,
    urlId: makeUrlId(randomBytes),
    authType: input.AuthType ?? 'AWS_IAM',
    ...(input.InvokeMode === undefined ? {} : { invokeMode: input.InvokeMode }),
    ...corsOf(input.Cors),
    createdAt: now,
    modifiedAt: now,
  };
  if (!(await services.urls.create(url))) {
    throw new ApiError(
      'ResourceConflictException',
      `Failed to create function url config for [functionArn = ${arnOf(services, url)}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
    );
  }
  const { LastModifiedTime: _modified, ...created } = urlAnswer(services, call, url);
  return { body: created };
};

/** GetFunctionUrlConfig. */
export const getFunctionUrlConfig: Operation<GetFunctionUrlConfigRequest> = async (services, call) => {
  const named = nameUrl(services, call.accountId, 'GetFunctionUrlConfig', call.input);
  return { body: { InvokeMode: 'BUFFERED', ...urlAnswer(services, call, await findUrl(services, named)) } };
};

/** UpdateFunctionUrlConfig: what the request does not name stays. */
export const updateFunctionUrlConfig: Operation<UpdateFunctionUrlConfigRequest> = async (services, call) => {
  const { input, accountId } = call;
  const named = nameUrl(services, accountId, 'UpdateFunctionUrlConfig', input);
  checkCors(input.Cors);
  await checkResource(services, named);
  const { cors, ...current } = await findUrl(services, named);
  const url: FunctionUrl = {
    ...current,
    authType: input.AuthType ?? current.authType,
    ...(input.InvokeMode === undefined ? {} : { invokeMode: input.InvokeMode }),
    ...corsOf(input.Cors ?? cors),
    modifiedAt: new Date(services.clock()).toISOString(),
  };
  if (!(await services.urls.update(url))) throw urlNotFound();
  return { body: urlAnswer(services, call, url) };
};

/** DeleteFunctionUrlConfig: the address answers as one that never was. */
export const deleteFunctionUrlConfig: Operation<DeleteFunctionUrlConfigRequest> = async (services, { input, accountId }) => {
  const { key, qualifier } = nameUrl(services, accountId, 'DeleteFunctionUrlConfig', input);
  if (!(await services.urls.remove({ ...key, qualifier }))) throw urlNotFound();
  return { status: 204 };
};

/** ListFunctionUrlConfigs: of the function and its aliases. */
export const listFunctionUrlConfigs: Operation<ListFunctionUrlConfigsRequest> = async (services, call) => {
  const { input, accountId } = call;
  const { key } = nameUrl(services, accountId, 'ListFunctionUrlConfigs', input);
  await checkResource(services, { key, qualifier: undefined });
  const pageSize = Math.min(input.MaxItems ?? maxPageSize, maxPageSize);
  const after = input.Marker === undefined ? undefined : readMarker(input.Marker);
  // One more than a page shows whether there is a next.
  const found = await services.urls.list(key, { after, limit: pageSize + 1 });
  const page = found.slice(0, pageSize);
  const last = page.at(-1);
  return {
    body: {
      FunctionUrlConfigs: page.map((url) => ({ InvokeMode: 'BUFFERED', ...urlAnswer(services, call, url) })),
      ...(found.length > pageSize && last !== undefined ? { NextMarker: writeMarker(last) } : {}),
    },
  };
};

function nameUrl(
  services: OperationServices,
  accountId: string,
  operation: string,
  input: { FunctionName: string | undefined; Qualifier?: string | undefined },
): NamedFunction {
  return nameFunction(services, { accountId, operation, functionName: input.FunctionName, qualifier: input.Qualifier });
}

async function checkResource(services: OperationServices, { key, qualifier }: NamedFunction): Promise<void> {
  const found = await services.functions.find(key, latestVersion);
  if (found === undefined || (qualifier !== undefined && (await services.aliases.find({ ...key, aliasName: qualifier })) === undefined)) {
    throw new ApiError('ResourceNotFoundException', 'Function does not exist');
  }
}

async function findUrl(services: OperationServices, { key, qualifier }: NamedFunction): Promise<FunctionUrl> {
  const url = await services.urls.find({ ...key, qualifier });
  if (url === undefined) throw urlNotFound();
  return url;
}

function urlNotFound(): ApiError {
  return new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.');
}

/** Rules that say nothing are none: so clients take them away again. */
function corsOf(cors: FunctionUrlCors | undefined): { readonly cors?: FunctionUrlCors } {
  return cors === undefined || Object.values(cors).every((rule) => rule === undefined) ? {} : { cors };
}

function checkCors(cors: CreateFunctionUrlConfigRequest['Cors']): void {
  const unknown = cors?.AllowMethods?.find((method) => !methods.has(method));
  if (unknown !== undefined) throw invalidParameter(`Invalid value for AllowMethods: ${unknown}. Valid values are: ${[...methods].join(', ')}.`);
}

function urlAnswer(services: OperationServices, call: OperationCall<unknown>, url: FunctionUrl): FunctionUrlConfig {
  return {
    FunctionUrl: formatFunctionUrl(call.host, url.urlId),
    FunctionArn: arnOf(services, url),
    AuthType: url.authType,
    ...(url.cors === undefined ? {} : { Cors: url.cors as NonNullable<FunctionUrlConfig['Cors']> }),
    CreationTime: url.createdAt,
    LastModifiedTime: url.modifiedAt,
    ...(url.invokeMode === undefined ? {} : { InvokeMode: url.invokeMode }),
  };
}

function arnOf({ region }: OperationServices, { accountId, functionName, qualifier }: FunctionUrl): string {
  return formatFunctionArn({ region, accountId, functionName, qualifier });
}

function writeMarker({ qualifier = '' }: FunctionUrl): string {
  return Buffer.from(`url:${qualifier}`).toString('base64url');
}

function readMarker(marker: string): string {
  const [, qualifier] = /^url:([a-zA-Z0-9-_]*)$/.exec(Buffer.from(marker, 'base64url').toString('utf8')) ?? [];
  if (qualifier === undefined) throw invalidParameter('Invalid pagination token: Marker');
  return qualifier;
}
