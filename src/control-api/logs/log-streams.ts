import { formatLogGroupArn, groupOfRequest } from './log-group-arn.ts';
import type { LogGroupKey, StoredLogStream } from './log-storage.ts';
import { invalidLogsParameter, LogsError, noSuchGroup, noSuchStream } from './logs-error.ts';
import type { LogsOperation } from './logs-operation.ts';
import { readLogsPage } from './logs-page.ts';

interface DescribeLogStreamsInput {
  readonly logStreamNamePrefix?: string;
  readonly orderBy?: 'LogStreamName' | 'LastEventTime';
  readonly descending?: boolean;
  readonly nextToken?: string;
  readonly limit?: number;
}

type Place = readonly [time: string, name: string];

export const describeLogStreams: LogsOperation = async (services, request) => {
  const { logStreamNamePrefix, orderBy = 'LogStreamName', descending = false, nextToken, limit } = request.input as DescribeLogStreamsInput;
  if (orderBy === 'LastEventTime' && logStreamNamePrefix !== undefined) {
    throw invalidLogsParameter('Cannot order by LastEventTime with a logStreamNamePrefix.');
  }
  const key = groupOfRequest(services, request);
  const streams = await services.storage.listStreams(key);
  if (streams === undefined) throw noSuchGroup();
  const placeOf = ({ name, lastTimestamp = 0 }: StoredLogStream): Place => [orderBy === 'LastEventTime' ? String(lastTimestamp) : '0', name];
  const compare = (one: Place, other: Place) => comparePlaces(one, other) * (descending ? -1 : 1);
  const { items, next } = await readLogsPage({
    list: `DescribeLogStreams by ${orderBy} ${descending ? 'down' : 'up'}`,
    nextToken,
    limit,
    parts: 2,
    placeOf,
    isAfter: (stream, [time = '', name = '']) => compare(placeOf(stream), [time, name]) > 0,
    items: streams.filter(({ name }) => name.startsWith(logStreamNamePrefix ?? '')).toSorted((one, other) => compare(placeOf(one), placeOf(other))),
  });
  const groupArn = formatLogGroupArn({ region: services.region, ...key });
  return { logStreams: items.map((stream) => describe(stream, groupArn)), ...next };
};

function comparePlaces([oneTime, oneName]: Place, [otherTime, otherName]: Place): number {
  return Number(oneTime) - Number(otherTime) || (oneName < otherName ? -1 : oneName > otherName ? 1 : 0);
}

function describe({ name, createdAt, firstTimestamp, lastTimestamp, lastIngestionTime }: StoredLogStream, groupArn: string) {
  return {
    logStreamName: name,
    creationTime: createdAt,
    ...(firstTimestamp === undefined
      ? {}
      : { firstEventTimestamp: firstTimestamp, lastEventTimestamp: lastTimestamp, lastIngestionTime: lastIngestionTime }),
    arn: `${groupArn}:log-stream:${name}`,
    // AWS answers 0 for every stream since 2019.
    storedBytes: 0,
  };
}

export const createLogStream: LogsOperation = async ({ storage }, { accountId, input }) => {
  const { logGroupName, logStreamName } = input as unknown as { readonly logGroupName: string; readonly logStreamName: string };
  const made = await storage.createStream({ accountId, logGroup: logGroupName }, logStreamName);
  if (made === undefined) throw noSuchGroup();
  if (!made) throw new LogsError('ResourceAlreadyExistsException', 'The specified log stream already exists');
  return undefined;
};

export const deleteLogStream: LogsOperation = async (services, { accountId, input }) => {
  const { logGroupName, logStreamName } = input as unknown as { readonly logGroupName: string; readonly logStreamName: string };
  const key: LogGroupKey = { accountId, logGroup: logGroupName };
  if ((await services.storage.findGroup(key)) === undefined) throw noSuchGroup();
  if (!(await services.storage.deleteStream(key, logStreamName))) throw noSuchStream();
  return undefined;
};
