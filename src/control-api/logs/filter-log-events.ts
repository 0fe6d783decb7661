import { readEventPage } from './event-page.ts';
import { firstPlace, lastPlace, readEventToken, startOf, writeEventToken } from './event-token.ts';
import { compileFilterPattern } from './filter-pattern/compile-filter-pattern.ts';
import { groupOfRequest } from './log-group-arn.ts';
import type { StoredLogEvent } from './log-storage.ts';
import { invalidLogsParameter, noSuchGroup, noSuchStream } from './logs-error.ts';
import type { LogsOperation } from './logs-operation.ts';

interface FilterLogEventsInput {
  readonly logStreamNames?: readonly string[];
  readonly logStreamNamePrefix?: string;
  readonly startTime?: number;
  readonly endTime?: number;
  readonly filterPattern?: string;
  readonly nextToken?: string;
  readonly limit?: number;
  readonly startFromHead?: boolean;
}

/** Events of all streams of a group or some, in the order of time or against it. A page may have few events and a token none the less. */
export const filterLogEvents: LogsOperation = async (services, request) => {
  const { storage, turns } = services;
  const { logStreamNames, logStreamNamePrefix, startTime, endTime, filterPattern = '', ...paging } = request.input as FilterLogEventsInput;
  if (logStreamNames !== undefined && logStreamNamePrefix !== undefined) {
    throw invalidLogsParameter('LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.');
  }
  const key = groupOfRequest(services, request);
  const matches = compileFilterPattern(filterPattern);
  const given = paging.nextToken === undefined ? undefined : readEventToken(paging.nextToken);
  const streams = await storage.listStreams(key);
  if (streams === undefined) throw noSuchGroup();
  const there = new Set(streams.map(({ name }) => name));
  if (logStreamNames?.some((name) => !there.has(name)) === true) throw noSuchStream();
  const direction = given?.direction ?? (paging.startFromHead === false ? 'backward' : 'forward');
  // The end of the range belongs to it, unlike that of GetLogEvents.
  const range = {
    after: startTime === undefined ? firstPlace : startOf(startTime),
    before: endTime === undefined ? lastPlace : startOf(endTime + 1),
  };
  const bounds = given === undefined ? range : direction === 'forward' ? { ...range, after: given.position } : { ...range, before: given.position };
  const isWanted = (name: string) => logStreamNames?.includes(name) ?? name.startsWith(logStreamNamePrefix ?? '');
  const query = { ...key, ...bounds, direction, isWanted, matches, limit: paging.limit };
  const { events, lastSeen, isAtEnd } = await turns.run(request.accountId, () => readEventPage(storage, query));
  return {
    events: events.map(describe),
    // AWS's is empty, too, since 2020.
    searchedLogStreams: [],
    ...(isAtEnd || lastSeen === undefined ? {} : { nextToken: writeEventToken({ direction, position: lastSeen }) }),
  };
};

function describe({ logStream, timestamp, sequence, message, ingestionTime }: StoredLogEvent) {
  // As long as AWS's, unlike for every event of a group, and in their order.
  const eventId = `${String(timestamp).padStart(36, '0')}${String(sequence).padStart(20, '0')}`;
  return { logStreamName: logStream, timestamp, message, ingestionTime, eventId };
}
