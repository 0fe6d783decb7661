import type { RuntimeApiError } from '../answers.ts';

// The refusals of the Telemetry API. Their types and words are Lambda's own.

export const subscriptionClosed = refusal(403, 'SubscriptionClosed', 'Telemetry API subscription is closed already');
/** Not Lambda's: it bounds subscriptions by the memory of the environment. */
export const tooManySubscriptions = refusal(403, 'AccessDenied', 'There are too many subscriptions to the Telemetry API');

/** The body is not of the shape of a subscription. */
export function deserializationError(message: string): RuntimeApiError {
  return refusal(400, 'DeserializationError', message);
}

/** A value is not among, or not between, those that are possible; all that is wrong is told at once. */
export function validationError(messages: readonly string[]): RuntimeApiError {
  return refusal(400, 'ValidationError', messages.join('; '));
}

/** The destination is not inside the environment. */
export function destinationDenied(message: string): RuntimeApiError {
  return refusal(403, 'AccessDenied', message);
}

/** The Logs API, which the Telemetry API has replaced, answers what AWS's own emulator answers in its place. */
export const logsNotSupported: RuntimeApiError = { status: 202, errorType: 'Logs.NotSupported', errorMessage: 'Logs API is not supported' };

function refusal(status: number, errorType: string, errorMessage: string): RuntimeApiError {
  return { status, errorType: `Telemetry.${errorType}`, errorMessage };
}
