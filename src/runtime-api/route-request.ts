import type { IncomingMessage, ServerResponse } from 'node:http';
import { methodNotAllowed, notFound, type RuntimeApiError, sendError } from './answers.ts';
import { getNextEvent } from './extensions/get-next-event.ts';
import { postExtensionExitError, postExtensionInitError } from './extensions/post-extension-error.ts';
import { postRegister } from './extensions/post-register.ts';
import { getNextInvocation } from './get-next-invocation.ts';
import { postInitError } from './post-init-error.ts';
import { postInvocationError } from './post-invocation-error.ts';
import { postInvocationResponse } from './post-invocation-response.ts';
import { discardBody } from './receive-body.ts';
import type { RuntimeExchange } from './runtime-exchange.ts';
import { putLogsSubscription, putSubscription } from './telemetry/put-subscription.ts';

/** Returns the refusal, or undefined when it answers by itself. */
type Endpoint = (exchange: RuntimeExchange, request: IncomingMessage, response: ServerResponse, requestId: string) => RuntimeApiError | undefined;

interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** The first group, where there is one, is the request id. */
  readonly path: RegExp;
  readonly endpoint: Endpoint;
}

/** The Runtime API, version 2018-06-01, the Extensions API, version 2020-01-01, and the Telemetry API, version 2022-07-01. */
const routes: readonly Route[] = [
  { method: 'GET', path: /^\/2018-06-01\/runtime\/invocation\/next$/, endpoint: getNextInvocation },
  { method: 'POST', path: /^\/2018-06-01\/runtime\/invocation\/([^/]{1,128})\/response$/, endpoint: postInvocationResponse },
  { method: 'POST', path: /^\/2018-06-01\/runtime\/invocation\/([^/]{1,128})\/error$/, endpoint: postInvocationError },
  { method: 'POST', path: /^\/2018-06-01\/runtime\/init\/error$/, endpoint: postInitError },
  { method: 'POST', path: /^\/2020-01-01\/extension\/register$/, endpoint: postRegister },
  { method: 'GET', path: /^\/2020-01-01\/extension\/event\/next$/, endpoint: getNextEvent },
  { method: 'POST', path: /^\/2020-01-01\/extension\/init\/error$/, endpoint: postExtensionInitError },
  { method: 'POST', path: /^\/2020-01-01\/extension\/exit\/error$/, endpoint: postExtensionExitError },
  { method: 'PUT', path: /^\/2022-07-01\/telemetry\/?$/, endpoint: putSubscription },
  { method: 'PUT', path: /^\/2020-08-15\/logs\/?$/, endpoint: putLogsSubscription },
];

/** Hands a request to its endpoint; 404 and 405 for what none of them has. */
export function routeRequest(exchange: RuntimeExchange, request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? '';
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  for (const route of routes) {
    const match = route.path.exec(path);
    if (match === null) continue;
    if (request.method !== route.method) {
      refuse(exchange, request, response, methodNotAllowed, ['Allow', route.method]);
      return;
    }
    const refusal = route.endpoint(exchange, request, response, match[1] ?? '');
    if (refusal !== undefined) refuse(exchange, request, response, refusal);
    return;
  }
  refuse(exchange, request, response, notFound);
}

function refuse(
  { guard }: RuntimeExchange,
  request: IncomingMessage,
  response: ServerResponse,
  error: RuntimeApiError,
  headers: readonly string[] = [],
): void {
  discardBody(guard, request);
  sendError(response, error, headers);
}
