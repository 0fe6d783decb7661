/** An accepted asynchronous invocation, without what it carries. Times are milliseconds since the epoch. */
export interface QueuedEvent {
  /** Grows with the order of acceptance. */
  readonly id: number;
  readonly accountId: string;
  readonly functionName: string;
  /** As the client gave it. */
  readonly qualifier: string | undefined;
  /** The same on every attempt. */
  readonly requestId: string;
  readonly acceptedAtMs: number;
  /** Nothing happens with it before. */
  readonly dueAtMs: number;
  /** Attempts that ended with the function's error. */
  readonly failures: number;
  /** How often in a row it could not be run, or its record not be delivered. */
  readonly refusals: number;
}

/** What the function is given. */
export interface EventContent {
  readonly payload: Buffer;
  /** Decoded JSON text of X-Amz-Client-Context. */
  readonly clientContext?: string;
  readonly traceHeader?: string;
  readonly tenantId?: string;
}

/** Why an event is over, in the words of Lambda's records. */
export type Condition = 'Success' | 'RetriesExhausted' | 'EventAgeExceeded' | 'ZeroReservedConcurrency';

/** How an event ended, kept until every target knows. */
export interface EventOutcome {
  readonly condition: Condition;
  readonly approximateInvokeCount: number;
  /** The function's, with the qualifier it was invoked through. */
  readonly functionArn: string;
  readonly endedAtMs: number;
  /** Absent when the last attempt was none of the function's. */
  readonly response?: { readonly executedVersion: string; readonly functionError?: 'Unhandled' };
  /** What a dead letter says beside the event. */
  readonly error?: { readonly code: number; readonly message: string };
  /** A UUID: names the object of a bucket, the same one however often it is written. */
  readonly recordId: string;
  readonly targets: readonly OutcomeTarget[];
}

/** Who is still to be told. */
export interface OutcomeTarget {
  readonly kind: 'destination' | 'deadLetter';
  readonly arn: string;
}
