import type { InvocationRequest, InvokeWithResponseStreamRequest } from '@aws-sdk/client-lambda';
import { formatFunctionArn, latestVersion } from '../../functions/arn.ts';
import type { FunctionVersion } from '../../functions/function-version.ts';
import type { EventContent } from '../../invoke/events/queued-event.ts';
import type { InvokeRequest } from '../../invoke/invoker.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { checkEventSize, checkedPayload } from '../event-payload.ts';
import { eventStreamType, invocationEvents } from '../event-stream.ts';
import { expectUsable } from '../function-configuration/function-state.ts';
import { functionNotFound, type NamedFunction, nameFunction } from '../named-function.ts';
import type { Operation, OperationCall, OperationServices } from '../operation.ts';
import { resolveForInvoke } from '../resolve-qualifier.ts';

const maxClientContextLength = 3_583;

/** Invoke. The function's own failure is an answer, not an error; an Event is answered once it is on disk. */
export const invokeFunction: Operation<InvocationRequest> = async (services, call) => {
  const { input, requestId } = call;
  if (input.InvocationType === 'Event') checkEventSize((input.Payload as Buffer | undefined) ?? Buffer.alloc(0), services.limits);
  if (input.DurableExecutionName !== undefined) throw invalidParameter('DurableExecutionName is not supported by Cloister yet.');
  const { named, content, request } = await readInvocation(services, call, 'Invoke');
  if (input.InvocationType === 'DryRun') return { status: 204 };
  expectUsable(request.function.state);
  if (input.InvocationType === 'Event') {
    await services.events.accept({ ...named.key, qualifier: named.qualifier, requestId, content });
    return { status: 202 };
  }
  const result = await services.invoker.invoke(request);
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

/** InvokeWithResponseStream: answered when the function's answer begins. What goes wrong from there on is told at the end of the stream. */
export const invokeWithResponseStream: Operation<InvokeWithResponseStreamRequest> = async (services, call) => {
  const { request } = await readInvocation(services, call, 'InvokeWithResponseStream');
  if (call.input.InvocationType === 'DryRun') return { status: 204 };
  expectUsable(request.function.state);
  const result = await services.invoker.invokeStreaming(request);
  return {
    headers: {
      'content-type': eventStreamType,
      'x-amz-executed-version': result.executedVersion,
      ...(result.traceHeader === undefined ? {} : { 'x-amzn-trace-id': result.traceHeader }),
      // The stream has a type of its own, so that of what it carries goes by another name.
      'x-amzn-remapped-content-type': result.contentType ?? 'application/octet-stream',
    },
    stream: invocationEvents(result),
  };
};

/** Reads and checks what both ways of invoking have in common. */
async function readInvocation(
  services: OperationServices,
  call: OperationCall<InvocationRequest | InvokeWithResponseStreamRequest>,
  operation: string,
): Promise<{ readonly named: NamedFunction; readonly content: EventContent; readonly request: InvokeRequest }> {
  const { input, accountId, requestId, traceHeader } = call;
  const payload = checkedPayload(input.Payload as Buffer | undefined);
  const clientContext = decodeClientContext(input.ClientContext);
  const named = nameFunction(services, { accountId, operation, functionName: input.FunctionName, qualifier: input.Qualifier });
  const version = await resolveForInvoke(services, named);
  // Recorded answers to Invoke, unlike those to GetFunction, name the version that was meant.
  if (version === undefined) throw functionNotFound(services.region, { ...named, qualifier: named.qualifier ?? latestVersion });
  checkTenant(version, input.TenantId);
  const content = {
    payload,
    ...(clientContext === undefined ? {} : { clientContext }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
    ...(input.TenantId === undefined ? {} : { tenantId: input.TenantId }),
  };
  const request = {
    ...content,
    requestId,
    function: version,
    invokedFunctionArn: formatFunctionArn({ region: services.region, ...named.key, qualifier: named.qualifier }),
    logTail: input.LogType === 'Tail',
  };
  return { named, content, request };
}

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
