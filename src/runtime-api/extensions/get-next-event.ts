import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RuntimeApiError } from '../answers.ts';
import { discardBody } from '../receive-body.ts';
import type { RuntimeExchange } from '../runtime-exchange.ts';
import { invalidExtensionState, unknownExtension } from './extension-errors.ts';
import { extensionIdentifier } from './extension-identifier.ts';

/** GET /extension/event/next: waits for what the extension has subscribed to, for as long as the connection lasts. */
export function getNextEvent(
  { extensions, port, guard }: RuntimeExchange,
  request: IncomingMessage,
  response: ServerResponse,
): RuntimeApiError | undefined {
  const identifier = extensionIdentifier(request);
  if (typeof identifier !== 'string') return identifier;
  const extension = extensions.find(identifier);
  if (extension === undefined) return unknownExtension(identifier);
  if (!extension.allows('next')) return invalidExtensionState(extension, 'Ready', identifier);
  discardBody(guard, request);
  const next = extension.next((event) => sendEvent(response, event));
  if (typeof next === 'function') response.on('close', next);
  else sendEvent(response, next);
  port.extensionsChanged();
  return undefined;
}

function sendEvent(response: ServerResponse, event: Buffer): void {
  response.writeHead(200, [
    'Content-Type',
    'application/json',
    'Lambda-Extension-Event-Identifier',
    randomUUID(),
    'Content-Length',
    String(event.length),
  ]);
  response.end(event);
}
