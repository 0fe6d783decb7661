import type { EventInvokeConfig } from '../../functions/event-invoke-config.ts';
import type { FunctionKey } from './function-store.ts';

export interface QualifiedKey extends FunctionKey {
  /** `$LATEST`, a version or an alias. */
  readonly qualifier: string;
}

/** How asynchronous invocations are handled, per qualifier. Every verb is one transaction. */
export interface EventInvokeConfigStore {
  find(key: QualifiedKey): Promise<EventInvokeConfig | undefined>;
  /** Replaces what there is by what `change` makes of it. Rejects with `NotFound` when the function is gone; what `change` throws changes nothing. */
  put(key: QualifiedKey, change: (current: EventInvokeConfig | undefined) => EventInvokeConfig): Promise<EventInvokeConfig>;
  /** By qualifier, beginning after `after`. */
  list(key: FunctionKey, options: { after?: string | undefined; limit: number }): Promise<readonly EventInvokeConfig[]>;
  /** False when there is none. */
  remove(key: QualifiedKey): Promise<boolean>;
}
