import { setTimeout as delay } from 'node:timers/promises';
import {
  type CloudWatchLogsClient,
  type FilteredLogEvent,
  type FilterLogEventsCommandInput,
  paginateFilterLogEvents,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';

/** Which events of a log group are wanted. */
export interface LogQuery {
  readonly group: string;
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined;
  /** Milliseconds since the epoch; no event of that moment or later. */
  readonly until?: number | undefined;
  /** In CloudWatch Logs' words. */
  readonly filter?: string | undefined;
  /** Only streams whose name begins so. */
  readonly stream?: string | undefined;
}

const pollMs = 500;
/** How long after a newer event an older one of another stream may still be written. */
const overlapMs = 10_000;

/** The events of a log group, oldest first. Rejects with ResourceNotFoundException when there is no such group. */
export async function* readLogEvents(client: CloudWatchLogsClient, query: LogQuery): AsyncGenerator<FilteredLogEvent> {
  for await (const { events = [] } of paginateFilterLogEvents({ client }, requestOf(query))) yield* events;
}

/** The events of a log group and those that come, until the caller ends it. A group that is not there yet has no events yet. */
export async function* followLogEvents(client: CloudWatchLogsClient, query: LogQuery): AsyncGenerator<FilteredLogEvent> {
  const seen = new Map<string, number>();
  for (let newest = 0; ; await delay(pollMs)) {
    const since = newest === 0 ? query.since : Math.max(newest - overlapMs, query.since ?? 0);
    for (const [id, timestamp] of seen) if (timestamp < newest - overlapMs) seen.delete(id);
    try {
      for await (const event of readLogEvents(client, { ...query, since })) {
        const { eventId = '', timestamp = 0 } = event;
        if (seen.has(eventId)) continue;
        seen.set(eventId, timestamp);
        newest = Math.max(newest, timestamp);
        yield event;
      }
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
    }
  }
}

function requestOf({ group, since, until, filter, stream }: LogQuery): FilterLogEventsCommandInput {
  return {
    logGroupName: group,
    ...(since === undefined ? {} : { startTime: since }),
    ...(until === undefined ? {} : { endTime: until }),
    ...(filter === undefined ? {} : { filterPattern: filter }),
    ...(stream === undefined ? {} : { logStreamNamePrefix: stream }),
  };
}
