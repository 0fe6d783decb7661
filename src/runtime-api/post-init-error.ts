import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalidStateTransition, type RuntimeApiError, requestEntityTooLarge, sendAccepted, sendError } from './answers.ts';
import { validErrorType } from './error-type.ts';
import { errorTypeHeader } from './post-invocation-error.ts';
import { maxBodyBytes, receiveBody } from './receive-body.ts';
import type { RuntimeExchange } from './runtime-exchange.ts';

/** POST /runtime/init/error: possible until the runtime has asked for its first event. */
export function postInitError({ session, port }: RuntimeExchange, request: IncomingMessage, response: ServerResponse): RuntimeApiError | undefined {
  if (!session.allows('initError')) return invalidStateTransition('init error', session.phase);
  receiveBody(request, (body) => {
    if (body.kind === 'cut') return;
    if (!session.allows('initError')) return sendError(response, invalidStateTransition('init error', session.phase));
    if (body.kind === 'tooLarge') return sendError(response, requestEntityTooLarge(maxBodyBytes));
    session.initError();
    sendAccepted(response);
    port.initFailed({ errorType: validErrorType(errorTypeHeader(request)), payload: body.bytes });
  });
  return undefined;
}
