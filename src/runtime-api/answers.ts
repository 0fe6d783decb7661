import type { ServerResponse } from 'node:http';
import type { SessionState } from './runtime-session.ts';

const accepted = Buffer.from('{"status":"OK"}\n');
const acceptedHead = ['Content-Type', 'application/json', 'Content-Length', String(accepted.length)];

/** 202, as every report of the runtime is acknowledged. */
export function sendAccepted(response: ServerResponse): void {
  response.writeHead(202, acceptedHead);
  response.end(accepted);
}

export interface RuntimeApiError {
  readonly status: number;
  readonly errorType: string;
  readonly errorMessage: string;
}

export function encodeError(error: RuntimeApiError): Buffer {
  return Buffer.from(JSON.stringify({ errorMessage: error.errorMessage, errorType: error.errorType }));
}

export function sendError(response: ServerResponse, error: RuntimeApiError, headers: readonly string[] = []): void {
  if (response.headersSent || response.destroyed) return;
  const body = encodeError(error);
  response.writeHead(error.status, ['Content-Type', 'application/json', 'Content-Length', String(body.length), ...headers]);
  response.end(body);
}

export const invalidRequestId: RuntimeApiError = { status: 400, errorType: 'InvalidRequestID', errorMessage: 'Invalid request ID' };
export const invalidResponseMode: RuntimeApiError = {
  status: 400,
  errorType: 'InvalidFunctionResponseMode',
  errorMessage: 'Invalid function response mode',
};
export const truncatedRequest: RuntimeApiError = {
  status: 400,
  errorType: 'TruncatedHTTPRequest',
  errorMessage: 'HTTP request detected as truncated',
};
export const notFound: RuntimeApiError = { status: 404, errorType: 'NotFound', errorMessage: 'No such resource' };
export const methodNotAllowed: RuntimeApiError = { status: 405, errorType: 'MethodNotAllowed', errorMessage: 'Method not allowed' };

/** What a runtime asks for, by the name of the state it would lead to. */
type AskedState = 'Ready' | 'InvocationResponse' | 'InvocationErrorResponse' | 'InitError';

/** The states' names in Lambda's own words. */
const stateNames: Readonly<Record<SessionState['phase'], string>> = {
  closed: 'Started',
  init: 'Started',
  initFailing: 'InitError',
  initFailed: 'InitError',
  waiting: 'Ready',
  running: 'Running',
  responding: 'InvocationResponse',
  responded: 'RuntimeResponseSentState',
};

export function invalidStateTransition(asked: AskedState, phase: SessionState['phase']): RuntimeApiError {
  return {
    status: 403,
    errorType: 'InvalidStateTransition',
    errorMessage: `State transition from ${stateNames[phase]} to ${asked} failed for runtime. Error: State transition is not allowed`,
  };
}

export function requestEntityTooLarge(maxBytes: number): RuntimeApiError {
  return {
    status: 413,
    errorType: 'RequestEntityTooLarge',
    errorMessage: `Exceeded maximum allowed payload size (${maxBytes} bytes).`,
  };
}
