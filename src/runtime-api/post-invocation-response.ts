import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  invalidRequestId,
  invalidResponseMode,
  invalidStateTransition,
  type RuntimeApiError,
  requestEntityTooLarge,
  sendAccepted,
  sendError,
} from './answers.ts';
import { validErrorType } from './error-type.ts';
import { maxBodyBytes, receiveBody } from './receive-body.ts';
import type { RuntimeExchange } from './runtime-exchange.ts';

/** POST /runtime/invocation/{id}/response, buffered or streamed: a streamed body is gathered and counts as a whole. */
export function postInvocationResponse(
  exchange: RuntimeExchange,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): RuntimeApiError | undefined {
  const { session, port, guard } = exchange;
  if (session.requestId !== requestId) return invalidRequestId;
  if (!session.allows('beginResponse')) return invalidStateTransition('response', session.phase);
  const mode = request.headers['lambda-runtime-function-response-mode'];
  if (mode !== undefined && mode !== 'streaming') return invalidResponseMode;
  session.beginResponse();
  receiveBody(guard, request, (body) => {
    // The process may have been ended, even replaced, while its body was on the way.
    if (session.phase !== 'responding' || session.requestId !== requestId) {
      return sendError(response, invalidStateTransition('response', session.phase));
    }
    if (body.kind === 'cut') return session.abandonResponse();
    session.endResponse();
    if (body.kind === 'tooLarge') {
      sendError(response, requestEntityTooLarge(maxBodyBytes));
      return port.respondedTooMuch();
    }
    sendAccepted(response);
    const errorType = request.trailers['lambda-runtime-function-error-type'];
    if (errorType === undefined) return port.responded(body.bytes);
    const errorBody = request.trailers['lambda-runtime-function-error-body'] ?? '';
    return port.failed({ errorType: validErrorType(errorType), payload: Buffer.from(errorBody, 'base64') });
  });
  return undefined;
}
