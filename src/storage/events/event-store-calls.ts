import type { LaneName } from '../../environment/pool/fair-turns.ts';
import type { EventChange, EventPhase } from '../../invoke/events/event-store.ts';

/** What the daemon asks the thread that owns the events' database. */
export type EventDatabaseCall = { readonly id: number } & EventDatabaseVerb;

export type EventDatabaseVerb =
  | { readonly verb: 'commit'; readonly groups: readonly (readonly EventChange[])[] }
  | { readonly verb: 'next'; readonly phase: EventPhase; readonly lane: LaneName; readonly limit: number }
  | { readonly verb: 'read'; readonly eventId: number }
  | { readonly verb: 'backlog' }
  | { readonly verb: 'close' };

/** Its answer; with id 0 that the database is open. */
export type EventDatabaseAnswer = { readonly id: number } & ({ readonly result: unknown } | { readonly failure: string });
