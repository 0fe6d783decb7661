import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalidStateTransition, type RuntimeApiError, requestEntityTooLarge, sendAccepted, sendError } from './answers.ts';
import { validErrorType } from './error-type.ts';
import { errorTypeHeader } from './post-invocation-error.ts';
import { maxBodyBytes, receiveBody } from './receive-body.ts';
import type { RuntimeExchange } from './runtime-exchange.ts';

/** POST /runtime/init/error: possible until the runtime has asked for its first event. */
export function postInitError(
  { session, port, guard }: RuntimeExchange,
  request: IncomingMessage,
  response: ServerResponse,
): RuntimeApiError | undefined {
  if (!session.allows('beginInitError')) return invalidStateTransition('InitError', session.phase);
  // SECURITY: one body at a time: 32 of them at once would be 200 MB of the daemon's memory.
  session.beginInitError();
  receiveBody(guard, request, (body) => {
    // The process may have been ended, even replaced, while its body was on the way.
    if (session.phase !== 'initFailing') return sendError(response, invalidStateTransition('InitError', session.phase));
    if (body.kind !== 'whole') session.abandonInitError();
    if (body.kind === 'cut') return undefined;
    if (body.kind === 'tooLarge') return sendError(response, requestEntityTooLarge(maxBodyBytes));
    session.endInitError();
    sendAccepted(response);
    port.initFailed({ errorType: validErrorType(errorTypeHeader(request)), payload: body.bytes });
  });
  return undefined;
}
