import type { EventInvokeConfig } from '../../functions/event-invoke-config.ts';
import type { FunctionVersion } from '../../functions/function-version.ts';
import type { QueuedEvent } from './queued-event.ts';

/** What an event's function is at this moment, and how its asynchronous invocations are handled. */
export interface EventTarget {
  readonly kind: 'found';
  readonly function: FunctionVersion;
  /** As a synchronous invocation by the same name would be told. */
  readonly invokedFunctionArn: string;
  readonly config: EventInvokeConfig | undefined;
  readonly deadLetterArn: string | undefined;
  /** Reserved concurrency 0: it may not run. */
  readonly hasNoConcurrency: boolean;
}

export type FoundTarget =
  | EventTarget
  | { readonly kind: 'qualifierGone'; readonly deadLetterArn: string | undefined }
  | { readonly kind: 'functionGone' };

/** The stored functions, as asynchronous invocations see them. */
export interface EventTargets {
  find(event: QueuedEvent): Promise<FoundTarget>;
  /** The function's ARN with the qualifier that the event came through: what its records name. */
  functionArn(event: QueuedEvent): string;
}
