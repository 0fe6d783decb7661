import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalidStateTransition, type RuntimeApiError, sendError } from './answers.ts';
import { headerText } from './header-text.ts';
import { discardBody } from './receive-body.ts';
import type { InvocationEvent } from './runtime-api-port.ts';
import type { RuntimeExchange } from './runtime-exchange.ts';

/** GET /runtime/invocation/next: waits for an event; asked again before it was answered, gives the same one again. */
export function getNextInvocation(exchange: RuntimeExchange, request: IncomingMessage, response: ServerResponse): RuntimeApiError | undefined {
  const { session, port, guard, extensions } = exchange;
  // AWS's client for Node asks for its next event when it has written the trailers of a failed stream, which may still be on its way to a slow reader.
  if (session.streamed !== undefined) {
    void session.streamed.then(() => {
      const refusal = response.destroyed ? undefined : getNextInvocation(exchange, request, response);
      if (refusal !== undefined) sendError(response, refusal);
    });
    return undefined;
  }
  if (!session.allows('next')) return invalidStateTransition('Ready', session.phase);
  const wasReady = session.phase === 'waiting' || session.phase === 'running';
  const next = session.next((event) => sendEvent(response, event));
  if (next === undefined) return invalidStateTransition('Ready', session.phase);
  discardBody(guard, request);
  if (typeof next === 'function') response.on('close', next);
  else sendEvent(response, next);
  if (!wasReady) {
    extensions.closeRegistration();
    port.ready();
  }
  return undefined;
}

function sendEvent(response: ServerResponse, event: InvocationEvent): void {
  // AWS's own clients fail (Python), crash (Java) or hang (Node) without the content type.
  const head = [
    'Content-Type',
    'application/json',
    'Lambda-Runtime-Aws-Request-Id',
    event.requestId,
    'Lambda-Runtime-Deadline-Ms',
    String(Math.floor(event.deadlineMs)),
    'Lambda-Runtime-Invoked-Function-Arn',
    event.invokedFunctionArn,
    'Content-Length',
    String(event.payload.length),
  ];
  if (event.traceId) head.push('Lambda-Runtime-Trace-Id', headerText(event.traceId));
  if (event.clientContext) head.push('Lambda-Runtime-Client-Context', headerText(event.clientContext));
  if (event.tenantId) head.push('Lambda-Runtime-Aws-Tenant-Id', headerText(event.tenantId));
  response.writeHead(200, head);
  response.end(event.payload);
}
