import type { IncomingMessage, ServerResponse } from 'node:http';
import { type RuntimeApiError, requestEntityTooLarge, sendError } from '../answers.ts';
import { unknownExtension } from '../extensions/extension-errors.ts';
import { extensionIdentifier } from '../extensions/extension-identifier.ts';
import { discardBody, receiveBody } from '../receive-body.ts';
import type { RuntimeExchange } from '../runtime-exchange.ts';
import { readSubscription } from './subscription-request.ts';
import { logsNotSupported, subscriptionClosed, tooManySubscriptions } from './telemetry-errors.ts';

/** SECURITY: a subscription is a few words, and each connection may bring one at the same time. */
const maxSubscriptionBytes = 64 * 1024;

/** PUT /telemetry: until the init is over, an extension may ask for what is told of the environment. */
export function putSubscription(exchange: RuntimeExchange, request: IncomingMessage, response: ServerResponse): RuntimeApiError | undefined {
  // ORDER: taken before the body comes, which may come when the processes have been replaced.
  const { extensions, telemetry, guard } = exchange;
  const identifier = extensionIdentifier(request);
  if (typeof identifier !== 'string') return identifier;
  const extension = extensions.find(identifier);
  if (extension === undefined) return unknownExtension(identifier);
  receiveBody(
    guard,
    request,
    (body) => {
      if (body.kind === 'cut') return undefined;
      if (body.kind === 'tooLarge') return sendError(response, requestEntityTooLarge(maxSubscriptionBytes));
      // Its processes may have ended while the body was on the way.
      if (extensions.find(identifier) !== extension) return sendError(response, unknownExtension(identifier));
      const subscription = readSubscription(body.bytes);
      if ('errorType' in subscription) return sendError(response, subscription);
      switch (telemetry.subscribe(extension.name, subscription)) {
        case 'subscribed':
          return sendWord(response, 'OK');
        case 'alreadySubscribed':
          return sendWord(response, 'AlreadySubscribed');
        case 'closed':
          return sendError(response, subscriptionClosed);
        case 'full':
          return sendError(response, tooManySubscriptions);
      }
    },
    { maxBytes: maxSubscriptionBytes, maxReadBytes: 16 * maxSubscriptionBytes },
  );
  return undefined;
}

/** PUT /logs of the Logs API, which the Telemetry API has replaced. */
export function putLogsSubscription({ guard }: RuntimeExchange, request: IncomingMessage, response: ServerResponse): undefined {
  discardBody(guard, request);
  sendError(response, logsNotSupported);
  return undefined;
}

function sendWord(response: ServerResponse, word: string): void {
  const body = JSON.stringify(word);
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]);
  response.end(body);
}
