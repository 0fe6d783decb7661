import { formatFunctionArn, latestVersion, parseFunctionReference } from '../functions/arn.ts';
import type { FunctionRecord } from '../functions/function-record.ts';
import { ApiError, invalidParameter } from './api-error.ts';
import type { OperationServices } from './operation.ts';
import { accessDenied } from './policies/access-denied.ts';
import { resolveQualifier } from './resolve-qualifier.ts';
import type { FunctionKey } from './stores/function-store.ts';

/** The function a request is about, in the caller's own account. */
export interface NamedFunction {
  readonly key: FunctionKey;
  /** As the client gave it, in the name or beside it. */
  readonly qualifier: string | undefined;
}

/** Reads a function's name in every form Lambda takes. Throws when it names another account, another region, or two qualifiers. */
export function nameFunction(
  services: Pick<OperationServices, 'region'>,
  request: { accountId: string; operation: string; functionName: string | undefined; qualifier?: string | undefined },
): NamedFunction {
  const reference = parseFunctionReference(request.functionName ?? '');
  if (reference === undefined) throw invalidParameter(`Invalid function name: ${request.functionName}`);
  const { functionName, region = services.region, accountId = request.accountId } = reference;
  if (region !== services.region) {
    throw new ApiError('ResourceNotFoundException', `Functions from '${region}' are not reachable in this region ('${services.region}')`);
  }
  if (reference.qualifier !== undefined && request.qualifier !== undefined && reference.qualifier !== request.qualifier) {
    throw invalidParameter('The derived qualifier from the function name does not match the specified qualifier.');
  }
  const qualifier = request.qualifier ?? reference.qualifier;
  if (accountId !== request.accountId) {
    // SECURITY: the same answer whether the other account has such a function or not.
    throw accessDenied({
      user: `arn:aws:iam::${request.accountId}:root`,
      operation: request.operation,
      resource: formatFunctionArn({ region, accountId, functionName, qualifier }),
      policy: 'resource',
    });
  }
  return { key: { accountId, functionName }, qualifier };
}

/** For operations on the function itself: refuses a qualifier other than `$LATEST`. */
export function nameUnqualifiedFunction(
  services: Pick<OperationServices, 'region'>,
  request: { accountId: string; operation: string; functionName: string | undefined },
): FunctionKey {
  const { key, qualifier } = nameFunction(services, request);
  if (qualifier !== undefined && qualifier !== latestVersion) {
    throw invalidParameter(
      'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.',
    );
  }
  return key;
}

/** The stored version a request means, through its alias if it names one; throws ResourceNotFoundException. */
export async function findFunction(
  services: Pick<OperationServices, 'aliases' | 'functions' | 'region'>,
  named: NamedFunction,
): Promise<FunctionRecord> {
  const resolved = await resolveQualifier(services, named);
  const record = resolved === undefined ? undefined : await services.functions.find(named.key, resolved.version);
  if (record === undefined) throw functionNotFound(services.region, named);
  return record;
}

/** Lambda's 404 for a function, a version or an alias that is not there. */
export function functionNotFound(region: string, { key, qualifier }: NamedFunction): ApiError {
  return new ApiError('ResourceNotFoundException', `Function not found: ${formatFunctionArn({ region, ...key, qualifier })}`);
}

/** Throws Lambda's 412 when the client wants to change a revision that is not there any more. */
export function checkRevision(record: Pick<FunctionRecord, 'revisionId'>, revisionId: string | undefined): void {
  if (revisionId === undefined || revisionId === record.revisionId) return;
  throw new ApiError(
    'PreconditionFailedException',
    'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
  );
}
