import { readEventPage } from './event-page.ts';
import { type EventToken, firstPlace, lastPlace, readEventToken, startOf, writeEventToken } from './event-token.ts';
import { groupOfRequest } from './log-group-arn.ts';
import type { EventPosition } from './log-storage.ts';
import { noSuchGroup, noSuchStream } from './logs-error.ts';
import type { LogsOperation } from './logs-operation.ts';

interface GetLogEventsInput {
  readonly logStreamName: string;
  readonly startTime?: number;
  readonly endTime?: number;
  readonly nextToken?: string;
  readonly limit?: number;
  readonly startFromHead?: boolean;
}

/** One stream's events in the order of time, whichever way the pages go. Its tokens are never absent, and at an end stay what they are. */
export const getLogEvents: LogsOperation = async (services, request) => {
  const { storage, turns } = services;
  const { logStreamName, startTime, endTime, nextToken, limit, startFromHead = false } = request.input as unknown as GetLogEventsInput;
  const key = groupOfRequest(services, request);
  const given = nextToken === undefined ? undefined : readEventToken(nextToken);
  const streams = await storage.listStreams(key);
  if (streams === undefined) throw noSuchGroup();
  if (!streams.some(({ name }) => name === logStreamName)) throw noSuchStream();
  const range = { after: startTime === undefined ? firstPlace : startOf(startTime), before: endTime === undefined ? lastPlace : startOf(endTime) };
  const direction = given?.direction ?? (startFromHead ? 'forward' : 'backward');
  const place = given?.position ?? (direction === 'forward' ? range.after : range.before);
  const query = { ...key, direction, isWanted: (name: string) => name === logStreamName, limit, matches: () => true };
  const bounds =
    direction === 'forward' ? { after: later(place, range.after), before: range.before } : { ...range, before: earlier(place, range.before) };
  const page = await turns.run(request.accountId, () => readEventPage(storage, { ...query, ...bounds }));
  const events = direction === 'forward' ? page.events : page.events.toReversed();
  const [first] = events;
  const tokens = first === undefined ? tokensAround(bounds, { direction, position: place }) : { backward: first, forward: events.at(-1) ?? first };
  return {
    events: events.map(({ timestamp, message, ingestionTime }) => ({ timestamp, message, ingestionTime })),
    nextForwardToken: writeEventToken({ direction: 'forward', position: tokens.forward }),
    nextBackwardToken: writeEventToken({ direction: 'backward', position: tokens.backward }),
  };
};

/** Where to go on when there was nothing: the token that was given stays, so that its holder sees the end. */
function tokensAround(bounds: { readonly after: EventPosition; readonly before: EventPosition }, { direction, position }: EventToken) {
  const { timestamp, sequence } = position;
  if (direction === 'forward') return { forward: position, backward: { timestamp, sequence: sequence + 1 } };
  // What comes later than an empty stream's end is after its beginning.
  const forward = sequence > 0 ? { timestamp, sequence: sequence - 1 } : bounds.after;
  return { backward: position, forward };
}

function later(one: EventPosition, other: EventPosition): EventPosition {
  return one.timestamp > other.timestamp || (one.timestamp === other.timestamp && one.sequence >= other.sequence) ? one : other;
}

function earlier(one: EventPosition, other: EventPosition): EventPosition {
  return later(one, other) === one ? other : one;
}
