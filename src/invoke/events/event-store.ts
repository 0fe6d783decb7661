import type { LaneName } from '../../environment/pool/fair-turns.ts';
import type { EventContent, EventOutcome, QueuedEvent } from './queued-event.ts';

/** `attempt`: waits for the function. `delivery`: is over, and its record waits for its targets. */
export type EventPhase = 'attempt' | 'delivery';

export type EventChange =
  | { readonly kind: 'insert'; readonly event: QueuedEvent; readonly content: EventContent }
  | { readonly kind: 'postpone'; readonly id: number; readonly dueAtMs: number; readonly failures: number; readonly refusals: number }
  | { readonly kind: 'conclude'; readonly id: number; readonly dueAtMs: number; readonly outcome: EventOutcome; readonly responsePayload?: Buffer }
  /** After one of several targets was told. */
  | { readonly kind: 'narrow'; readonly id: number; readonly outcome: EventOutcome }
  | { readonly kind: 'remove'; readonly id: number }
  /** What still waits for a function that is gone. */
  | { readonly kind: 'forget'; readonly lane: LaneName };

/** What an account keeps in the store. */
export interface AccountUse {
  readonly accountId: string;
  readonly events: number;
  readonly bytes: number;
}

/** One row in full. */
export interface StoredEvent {
  readonly event: QueuedEvent;
  readonly content: EventContent;
  /** In phase `delivery`. */
  readonly outcome?: EventOutcome;
  readonly responsePayload?: Buffer;
}

export interface Backlog {
  /** Of the newest event; 0 when there is none. */
  readonly lastId: number;
  readonly lanes: readonly (LaneName & { readonly phase: EventPhase })[];
  readonly use: readonly AccountUse[];
}

/** Accepted events on disk. */
export interface EventStore {
  /** Resolves once all of the changes are on disk, together. Answers by how much they changed what accounts keep. */
  commit(changes: readonly EventChange[]): Promise<readonly AccountUse[]>;
  /** The next ones of a lane, by when they are due and then by when they were accepted. */
  next(phase: EventPhase, lane: LaneName, limit: number): Promise<readonly QueuedEvent[]>;
  read(id: number): Promise<StoredEvent | undefined>;
  backlog(): Promise<Backlog>;
}
