import { defaultMaximumEventAgeSeconds, defaultMaximumRetryAttempts, type EventInvokeConfig } from '../../functions/event-invoke-config.ts';
import type { Condition, QueuedEvent } from './queued-event.ts';

/**
 * Lambda's: "one minute between the first two attempts, and two minutes between the second and third"; after throttling and system errors "from 1
 * second after the first attempt to a maximum of 5 minutes" (Lambda developer guide, asynchronous invocation).
 */
export const lambdaRetryDelayMs = 60_000;
const firstBackOffMs = 1_000;
const longestBackOffMs = 300_000;

/** How one attempt ended. */
export type AttemptEnd =
  | { readonly kind: 'answered'; readonly payload: Buffer; readonly executedVersion: string; readonly functionError?: 'Unhandled' }
  /** Lambda's 429 and 5xx: the function did not run. */
  | { readonly kind: 'throttled' }
  | { readonly kind: 'systemError' }
  /** The chain of requests came through the function too often. */
  | { readonly kind: 'recursive' }
  /** The version or alias that was asked for is gone, the function is not. */
  | { readonly kind: 'qualifierGone'; readonly message: string };

/** What becomes of an event. */
export type NextStep =
  | { readonly kind: 'again'; readonly dueAtMs: number; readonly failures: number; readonly refusals: number }
  | {
      readonly kind: 'over';
      readonly condition: Condition;
      readonly approximateInvokeCount: number;
      readonly error?: { readonly code: number; readonly message: string };
    };

export interface EventPolicy {
  readonly config: EventInvokeConfig | undefined;
  /** Before the second attempt; twice that before the third. */
  readonly retryDelayMs: number;
}

const throttledError = { code: 429, message: 'Rate Exceeded.' };

const recursionError = { code: 400, message: 'The function was invoked in a recursive loop.' };

/** What is known before an attempt: an event that is too old, or whose function may not run at all, is not tried. */
export function beforeAttempt(
  event: QueuedEvent,
  policy: EventPolicy & { readonly hasNoConcurrency: boolean },
  nowMs: number,
): (NextStep & { kind: 'over' }) | undefined {
  if (policy.hasNoConcurrency) return over('ZeroReservedConcurrency', event.failures, throttledError);
  if (nowMs - event.acceptedAtMs >= maximumAgeMs(policy)) return over('EventAgeExceeded', event.failures, throttledError);
  return undefined;
}

/** What follows from how an attempt ended. */
export function afterAttempt(event: QueuedEvent, end: AttemptEnd, policy: EventPolicy, nowMs: number): NextStep {
  const expiresAtMs = event.acceptedAtMs + maximumAgeMs(policy);
  switch (end.kind) {
    case 'answered': {
      const invokeCount = event.failures + 1;
      if (end.functionError === undefined) return over('Success', invokeCount);
      const error = { code: 200, message: errorMessage(end.payload) };
      if (event.failures >= (policy.config?.maximumRetryAttempts ?? defaultMaximumRetryAttempts)) return over('RetriesExhausted', invokeCount, error);
      const dueAtMs = nowMs + policy.retryDelayMs * invokeCount;
      // Lambda does not wait for an attempt that would come too late.
      if (dueAtMs > expiresAtMs) return over('EventAgeExceeded', invokeCount, error);
      return { kind: 'again', dueAtMs, failures: invokeCount, refusals: 0 };
    }
    case 'throttled':
    case 'systemError': {
      const dueAtMs = Math.min(nowMs + backOffMs(event.refusals), expiresAtMs);
      return { kind: 'again', dueAtMs, failures: event.failures, refusals: event.refusals + 1 };
    }
    case 'recursive':
      return over('RetriesExhausted', event.failures, recursionError);
    case 'qualifierGone':
      return over('RetriesExhausted', event.failures, { code: 404, message: end.message });
  }
}

/** Doubles from one second to five minutes. */
export function backOffMs(refusals: number): number {
  return Math.min(firstBackOffMs * 2 ** Math.min(refusals, 20), longestBackOffMs);
}

function maximumAgeMs({ config }: EventPolicy): number {
  return (config?.maximumEventAgeSeconds ?? defaultMaximumEventAgeSeconds) * 1_000;
}

function over(condition: Condition, approximateInvokeCount: number, error?: { code: number; message: string }): NextStep & { kind: 'over' } {
  return { kind: 'over', condition, approximateInvokeCount, ...(error === undefined ? {} : { error }) };
}

/** The runtime's own `errorMessage`, else its whole answer. */
function errorMessage(payload: Buffer): string {
  const text = payload.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'errorMessage' in value && typeof value.errorMessage === 'string') return value.errorMessage;
  } catch {
    // A runtime may answer what is not JSON.
  }
  return text;
}
