import type { IncomingMessage, ServerResponse } from 'node:http';
import { type RuntimeApiError, requestEntityTooLarge, sendError } from '../answers.ts';
import { receiveBody } from '../receive-body.ts';
import type { FunctionIdentity, RuntimeExchange } from '../runtime-exchange.ts';
import { Extension } from './extension.ts';
import { emptyName } from './extension-errors.ts';
import { checkEvents, parseRegistration } from './register-request.ts';

/** SECURITY: a registration is a few words, and each connection may bring one at the same time. */
const maxRegistrationBytes = 64 * 1024;

/** POST /extension/register: from then on the extension is waited for, and told what it subscribes to. */
export function postRegister(exchange: RuntimeExchange, request: IncomingMessage, response: ServerResponse): RuntimeApiError | undefined {
  // ORDER: taken before the body comes, which may come when the processes have been replaced: it then registers with those that ended.
  const { extensions, port, guard } = exchange;
  const name = firstOf(request.headers['lambda-extension-name']);
  if (!name) return emptyName;
  receiveBody(
    guard,
    request,
    (body) => {
      if (body.kind === 'cut') return undefined;
      if (body.kind === 'tooLarge') return sendError(response, requestEntityTooLarge(maxRegistrationBytes));
      const asked = parseRegistration(body.bytes);
      if (!isList(asked)) return sendError(response, asked);
      const events = checkEvents(asked, extensions.kindOf(name));
      if (!isList(events)) return sendError(response, events);
      const extension = extensions.register(name, events);
      if (!(extension instanceof Extension)) return sendError(response, extension);
      sendRegistered(response, extension.identifier, registration(exchange.function, request));
      port.extensionRegistered(extension.describe());
      return port.extensionsChanged();
    },
    { maxBytes: maxRegistrationBytes, maxReadBytes: 16 * maxRegistrationBytes },
  );
  return undefined;
}

/** Members and their order are Lambda's; the account only for who accepts that feature. */
function registration(identity: FunctionIdentity, request: IncomingMessage): Readonly<Record<string, string>> {
  const features = firstOf(request.headers['lambda-extension-accept-feature'])?.split(',') ?? [];
  return {
    ...(features.some((feature) => feature.trim() === 'accountId') ? { accountId: identity.accountId } : {}),
    functionName: identity.functionName,
    functionVersion: identity.version,
    handler: identity.handler,
  };
}

function sendRegistered(response: ServerResponse, identifier: string, answer: Readonly<Record<string, string>>): void {
  const body = Buffer.from(`${JSON.stringify(answer)}\n`);
  response.writeHead(200, ['Content-Type', 'application/json', 'Lambda-Extension-Identifier', identifier, 'Content-Length', String(body.length)]);
  response.end(body);
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function isList<Item>(value: readonly Item[] | RuntimeApiError): value is readonly Item[] {
  return Array.isArray(value);
}
