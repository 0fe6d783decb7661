import { formatFunctionArn, latestVersion } from '../functions/arn.ts';
import type { EventTargets, FoundTarget } from '../invoke/events/event-targets.ts';
import type { QueuedEvent } from '../invoke/events/queued-event.ts';
import { resolveForInvoke } from './resolve-qualifier.ts';
import type { AliasStore } from './stores/alias-store.ts';
import type { EventInvokeConfigStore } from './stores/event-invoke-config-store.ts';
import type { FunctionStore } from './stores/function-store.ts';

export interface StoredEventTargetsOptions {
  readonly functions: FunctionStore;
  readonly aliases: AliasStore;
  readonly eventInvokeConfigs: EventInvokeConfigStore;
  readonly region: string;
  /** From 0 up to, and without, 1. */
  readonly random: () => number;
}

/** What the stores know of an event's function, at the moment of each attempt. */
export class StoredEventTargets implements EventTargets {
  readonly #options: StoredEventTargetsOptions;

  constructor(options: StoredEventTargetsOptions) {
    this.#options = options;
  }

  async find(event: QueuedEvent): Promise<FoundTarget> {
    const { functions, eventInvokeConfigs, region } = this.#options;
    const { accountId, functionName, qualifier } = event;
    const key = { accountId, functionName };
    const latest = await functions.findForInvoke(key, latestVersion);
    if (latest === undefined) return { kind: 'functionGone' };
    const version = qualifier === undefined || qualifier === latestVersion ? latest : await resolveForInvoke(this.#options, { key, qualifier });
    if (version === undefined) return { kind: 'qualifierGone', deadLetterArn: latest.deadLetterArn };
    return {
      kind: 'found',
      function: version,
      invokedFunctionArn: formatFunctionArn({ region, ...key, qualifier }),
      config: await eventInvokeConfigs.find({ ...key, qualifier: qualifier ?? latestVersion }),
      // "Function versions use the same dead-letter queue settings as the unpublished version" (Lambda developer guide).
      deadLetterArn: latest.deadLetterArn,
      hasNoConcurrency: version.reservedConcurrency === 0,
    };
  }

  functionArn({ accountId, functionName, qualifier }: QueuedEvent): string {
    return formatFunctionArn({ region: this.#options.region, accountId, functionName, qualifier: qualifier ?? latestVersion });
  }
}
