import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  invalidRequestId,
  invalidResponseMode,
  invalidStateTransition,
  type RuntimeApiError,
  requestEntityTooLarge,
  sendAccepted,
  sendError,
  truncatedRequest,
} from './answers.ts';
import { validErrorType } from './error-type.ts';
import { maxBodyBytes, receiveBody } from './receive-body.ts';
import { RequestStream } from './response-stream.ts';
import type { RuntimeExchange } from './runtime-exchange.ts';

/** POST /runtime/invocation/{id}/response: taken as a whole, or as it comes where both the runtime and whoever invoked want it so. */
export function postInvocationResponse(
  exchange: RuntimeExchange,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): RuntimeApiError | undefined {
  const { session } = exchange;
  if (session.requestId !== requestId) return invalidRequestId;
  if (!session.allows('beginResponse')) return invalidStateTransition('InvocationResponse', session.phase);
  const mode = request.headers['lambda-runtime-function-response-mode'];
  // An empty one is none, as in aws-lambda-rie.
  if (mode !== undefined && mode !== '' && mode !== 'streaming') return invalidResponseMode;
  if (mode === 'streaming' && session.event?.responseMode === 'streaming') streamResponse(exchange, request, response);
  else gatherResponse(exchange, request, { response, requestId });
  return undefined;
}

function gatherResponse(
  { session, port, guard }: RuntimeExchange,
  request: IncomingMessage,
  { response, requestId }: { readonly response: ServerResponse; readonly requestId: string },
): void {
  session.beginResponse();
  receiveBody(guard, request, (body) => {
    // The process may have been ended, even replaced, while its body was on the way.
    if (session.phase !== 'responding' || session.requestId !== requestId) {
      return sendError(response, invalidStateTransition('InvocationResponse', session.phase));
    }
    if (body.kind === 'cut') return session.abandonResponse();
    session.endResponse();
    if (body.kind === 'tooLarge') {
      sendError(response, requestEntityTooLarge(maxBodyBytes));
      return port.respondedTooMuch();
    }
    sendAccepted(response);
    const errorType = request.trailers['lambda-runtime-function-error-type'];
    if (errorType === undefined) return port.responded(body.bytes, request.headers['content-type']);
    const errorBody = request.trailers['lambda-runtime-function-error-body'] ?? '';
    return port.failed({ errorType: validErrorType(errorType), payload: Buffer.from(errorBody, 'base64') });
  });
}

/** Hands the response on as it comes. What has left cannot be taken back: however it ends, the event has been answered. */
function streamResponse({ session, port, guard, streams }: RuntimeExchange, request: IncomingMessage, response: ServerResponse): void {
  const { event } = session;
  const stream = new RequestStream({ request, guard, ...streams });
  const ended = stream.ended.then((end) => {
    // The process may have been ended, even replaced, while its body was on the way.
    if (session.phase !== 'responding' || session.event !== event) {
      sendError(response, invalidStateTransition('InvocationResponse', session.phase));
      return;
    }
    session.endResponse();
    if (end.kind === 'tooLarge') sendError(response, requestEntityTooLarge(end.maxBytes));
    else if (end.kind === 'truncated') sendError(response, truncatedRequest);
    else sendAccepted(response);
  });
  session.beginResponse(ended);
  port.responding(stream);
}
