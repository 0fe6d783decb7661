import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventQuery, LogStorage, StoredLogEvent } from './log-storage.ts';

export interface EventPage {
  /** In the order in which they were read. */
  readonly events: readonly StoredLogEvent[];
  /** The last event that was looked at, wanted or not; undefined when there was none. */
  readonly lastSeen: StoredLogEvent | undefined;
  /** Nothing is left in the range. */
  readonly isAtEnd: boolean;
}

/** AWS's: "up to 1 MB of log events or up to 10,000 log events". */
const maxPageBytes = 1_048_576;
const maxPageEvents = 10_000;
/** AWS counts so much for each event beside its text. */
export const eventOverheadBytes = 26;
/** A page that finds little ends after reading so much, or taking so long: its token goes on from there. */
const maxReadBytes = 16 * 1024 * 1024;
const maxReadingMs = 1_000;
/** Others get their turn this often. */
const longestTurnMs = 10;

export interface EventPageQuery extends EventQuery {
  readonly limit: number | undefined;
  readonly matches: (message: string) => boolean;
}

/** Reads one page of events, at least one if there is one that is wanted and near. */
export async function readEventPage(storage: LogStorage, query: EventPageQuery): Promise<EventPage> {
  const { limit = maxPageEvents, matches } = query;
  const events: StoredLogEvent[] = [];
  let lastSeen: StoredLogEvent | undefined;
  let pageBytes = 0;
  let readBytes = 0;
  const startedAt = performance.now();
  let turnEndsAt = startedAt + longestTurnMs;
  for await (const event of storage.events(query)) {
    if (events.length >= limit || readBytes > maxReadBytes) return { events, lastSeen, isAtEnd: false };
    const now = performance.now();
    if (now - startedAt > maxReadingMs && lastSeen !== undefined) return { events, lastSeen, isAtEnd: false };
    if (now > turnEndsAt) {
      await nextTurn();
      turnEndsAt = performance.now() + longestTurnMs;
    }
    readBytes += event.readBytes;
    if (matches(event.message)) {
      pageBytes += Buffer.byteLength(event.message) + eventOverheadBytes;
      if (events.length > 0 && pageBytes > maxPageBytes) return { events, lastSeen, isAtEnd: false };
      events.push(event);
    }
    lastSeen = event;
  }
  return { events, lastSeen, isAtEnd: true };
}
