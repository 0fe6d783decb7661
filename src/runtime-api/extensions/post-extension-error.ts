import type { IncomingMessage, ServerResponse } from 'node:http';
import { type RuntimeApiError, sendAccepted } from '../answers.ts';
import { discardBody } from '../receive-body.ts';
import type { RuntimeExchange } from '../runtime-exchange.ts';
import { invalidExtensionState, missingErrorType, unknownIdentifier } from './extension-errors.ts';
import { extensionIdentifier } from './extension-identifier.ts';

/** POST /extension/init/error: what kept a registered extension from becoming ready. Nothing but an end is expected of it then. */
export function postExtensionInitError(exchange: RuntimeExchange, request: IncomingMessage, response: ServerResponse): RuntimeApiError | undefined {
  return postError(exchange, request, response, 'init');
}

/** POST /extension/exit/error: why an extension is about to end. */
export function postExtensionExitError(exchange: RuntimeExchange, request: IncomingMessage, response: ServerResponse): RuntimeApiError | undefined {
  return postError(exchange, request, response, 'exit');
}

/** The header says it all: like Lambda, nobody reads the body. */
function postError(
  { extensions, port, guard }: RuntimeExchange,
  request: IncomingMessage,
  response: ServerResponse,
  phase: 'init' | 'exit',
): RuntimeApiError | undefined {
  const identifier = extensionIdentifier(request);
  if (typeof identifier !== 'string') return identifier;
  const header = request.headers['lambda-extension-function-error-type'];
  const errorType = Array.isArray(header) ? header[0] : header;
  if (!errorType) return missingErrorType;
  const extension = extensions.find(identifier);
  if (extension === undefined) return unknownIdentifier;
  const step = phase === 'init' ? 'initError' : 'exitError';
  if (!extension.allows(step)) return invalidExtensionState(extension, phase === 'init' ? 'InitError' : 'ExitError', identifier);
  const isFirst = extension.state !== 'InitError' && extension.state !== 'ExitError';
  extension.fail(step, errorType);
  discardBody(guard, request);
  sendAccepted(response);
  if (isFirst) port.extensionFailed({ name: extension.name, phase, errorType });
  return undefined;
}
