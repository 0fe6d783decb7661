import type { InvokeAsyncRequest } from '@aws-sdk/client-lambda';
import { latestVersion } from '../../functions/arn.ts';
import { invalidParameter } from '../api-error.ts';
import { checkEventSize, checkedPayload } from '../event-payload.ts';
import { expectUsable } from '../function-configuration/function-state.ts';
import { functionNotFound, nameFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';
import { resolveForInvoke } from '../resolve-qualifier.ts';

/** InvokeAsync: what Invoke with InvocationType Event replaced; it knows no qualifier but the name's. */
export const invokeAsync: Operation<InvokeAsyncRequest> = async (services, { input, accountId, requestId, traceHeader }) => {
  const payload = checkedPayload(input.InvokeArgs as Buffer | undefined);
  checkEventSize(payload, services.limits);
  const named = nameFunction(services, { accountId, operation: 'InvokeAsync', functionName: input.FunctionName });
  const version = await resolveForInvoke(services, named);
  if (version === undefined) throw functionNotFound(services.region, { ...named, qualifier: named.qualifier ?? latestVersion });
  if (version.tenantIsolationMode !== undefined) {
    throw invalidParameter('The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.');
  }
  expectUsable(version.state);
  const content = { payload, ...(traceHeader === undefined ? {} : { traceHeader }) };
  await services.events.accept({ ...named.key, qualifier: named.qualifier, requestId, content });
  return { status: 202 };
};
