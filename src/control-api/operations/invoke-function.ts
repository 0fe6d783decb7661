import type { InvocationRequest } from '@aws-sdk/client-lambda';
import { formatFunctionArn, latestVersion } from '../../functions/arn.ts';
import type { FunctionVersion } from '../../functions/function-version.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { checkEventSize, checkedPayload } from '../event-payload.ts';
import { expectUsable } from '../function-state.ts';
import { functionNotFound, nameFunction } from '../named-function.ts';
import type { Operation } from '../operation.ts';
import { resolveForInvoke } from '../resolve-qualifier.ts';

const maxClientContextLength = 3_583;

/** Invoke. The function's own failure is an answer, not an error; an Event is answered once it is on disk. */
export const invokeFunction: Operation<InvocationRequest> = async (services, call) => {
  const { input, accountId, requestId, traceHeader } = call;
  const payload = checkedPayload(input.Payload as Buffer | undefined);
  const clientContext = decodeClientContext(input.ClientContext);
  if (input.InvocationType === 'Event') checkEventSize(payload, services.limits);
  if (input.DurableExecutionName !== undefined) throw invalidParameter('DurableExecutionName is not supported by Cloister yet.');
  const named = nameFunction(services, { accountId, operation: 'Invoke', functionName: input.FunctionName, qualifier: input.Qualifier });
  const version = await resolveForInvoke(services, named);
  // Recorded answers to Invoke, unlike those to GetFunction, name the version that was meant.
  if (version === undefined) throw functionNotFound(services.region, { ...named, qualifier: named.qualifier ?? latestVersion });
  checkTenant(version, input.TenantId);
  if (input.InvocationType === 'DryRun') return { status: 204 };
  expectUsable(version.state);
  const content = {
    payload,
    ...(clientContext === undefined ? {} : { clientContext }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
    ...(input.TenantId === undefined ? {} : { tenantId: input.TenantId }),
  };
  if (input.InvocationType === 'Event') {
    await services.events.accept({ ...named.key, qualifier: named.qualifier, requestId, content });
    return { status: 202 };
  }

  const result = await services.invoker.invoke({
    requestId,
    function: version,
    invokedFunctionArn: formatFunctionArn({ region: services.region, ...named.key, qualifier: named.qualifier }),
    logTail: input.LogType === 'Tail',
    ...content,
  });
  return {
    headers: {
      'x-amz-executed-version': result.executedVersion,
      ...(result.traceHeader === undefined ? {} : { 'x-amzn-trace-id': result.traceHeader }),
      ...(result.functionError === undefined ? {} : { 'x-amz-function-error': result.functionError }),
      ...(result.logTail === undefined ? {} : { 'x-amz-log-result': result.logTail.toString('base64') }),
    },
    body: result.payload,
  };
};

/** SECURITY: a tenant id asks for isolation, and isolation needs one: leaving either out silently would mix tenants. The words are Lambda's. */
function checkTenant(version: FunctionVersion, tenantId: string | undefined): void {
  const isIsolated = version.tenantIsolationMode === 'PER_TENANT';
  if (isIsolated && tenantId === undefined)
    throw invalidParameter('The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.');
  if (!isIsolated && tenantId !== undefined)
    throw invalidParameter('The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.');
}

function decodeClientContext(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (header.length <= maxClientContextLength) {
    const text = Buffer.from(header, 'base64').toString('utf8');
    try {
      const value: unknown = JSON.parse(text);
      // One line: it travels on in a header.
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return JSON.stringify(value);
    } catch {
      // Answered below, as every other form that is not an object.
    }
  }
  throw new ApiError('InvalidRequestContentException', 'Client context must be a valid Base64-encoded JSON object of at most 3583 bytes.');
}
