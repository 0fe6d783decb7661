import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalidRequestId, invalidStateTransition, type RuntimeApiError, requestEntityTooLarge, sendAccepted, sendError } from './answers.ts';
import { validErrorType } from './error-type.ts';
import { errorWithCauseType, withoutCause } from './error-with-cause.ts';
import { maxBodyBytes, receiveBody } from './receive-body.ts';
import type { RuntimeExchange } from './runtime-exchange.ts';

/** POST /runtime/invocation/{id}/error: the body goes to the client as it is, less a cause that is X-Ray's. */
export function postInvocationError(
  exchange: RuntimeExchange,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): RuntimeApiError | undefined {
  const { session, port, guard } = exchange;
  if (session.requestId !== requestId) return invalidRequestId;
  if (!session.allows('beginResponse')) return invalidStateTransition('InvocationErrorResponse', session.phase);
  session.beginResponse();
  receiveBody(guard, request, (body) => {
    if (session.phase !== 'responding' || session.requestId !== requestId) {
      return sendError(response, invalidStateTransition('InvocationErrorResponse', session.phase));
    }
    if (body.kind === 'cut') return session.abandonResponse();
    session.endResponse();
    if (body.kind === 'tooLarge') {
      sendError(response, requestEntityTooLarge(maxBodyBytes));
      return port.respondedTooMuch();
    }
    sendAccepted(response);
    const payload = request.headers['content-type'] === errorWithCauseType ? withoutCause(body.bytes) : body.bytes;
    return port.failed({ errorType: validErrorType(errorTypeHeader(request)), payload });
  });
  return undefined;
}

/** The header by which a runtime names its error's type. */
export function errorTypeHeader(request: IncomingMessage): string | undefined {
  const value = request.headers['lambda-runtime-function-error-type'];
  return Array.isArray(value) ? value[0] : value;
}
