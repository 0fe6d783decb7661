import { eventOverheadBytes } from './event-page.ts';
import { invalidLogsParameter, noSuchGroup, noSuchStream } from './logs-error.ts';
import type { LogsOperation } from './logs-operation.ts';

interface InputEvent {
  readonly timestamp: number;
  readonly message: string;
}

interface PutLogEventsInput {
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly logEvents: readonly InputEvent[];
}

/** AWS's limits, as PutLogEvents's page gives them. */
const maxBatchBytes = 1_048_576;
const maxEventBytes = 1_048_576;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const tooNewMs = 2 * hourMs;
const tooOldMs = 14 * dayMs;

/** Takes events that are in order; those that are too old or too new are left out and told of. */
export const putLogEvents: LogsOperation = async ({ storage, clock }, { accountId, input }) => {
  const { logGroupName, logStreamName, logEvents } = input as unknown as PutLogEventsInput;
  checkBatch(logEvents);
  const key = { accountId, logGroup: logGroupName };
  const [group, streams] = [await storage.findGroup(key), await storage.listStreams(key)];
  if (group === undefined || streams === undefined) throw noSuchGroup();
  if (!streams.some(({ name }) => name === logStreamName)) throw noSuchStream();
  const now = clock();
  const expiredBefore = group.retentionInDays === undefined ? 0 : now - group.retentionInDays * dayMs;
  const ended = countBefore(logEvents, expiredBefore);
  const old = countBefore(logEvents, now - tooOldMs);
  const tooNewFrom = countBefore(logEvents, now + tooNewMs + 1);
  const taken = logEvents.slice(Math.max(ended, old), tooNewFrom);
  if (taken.length > 0) await storage.putEvents(key, logStreamName, taken);
  const rejected = {
    ...(tooNewFrom < logEvents.length ? { tooNewLogEventStartIndex: tooNewFrom } : {}),
    ...(old > 0 ? { tooOldLogEventEndIndex: old } : {}),
    ...(ended > 0 ? { expiredLogEventEndIndex: ended } : {}),
  };
  return Object.keys(rejected).length === 0 ? {} : { rejectedLogEventsInfo: rejected };
};

function checkBatch(events: readonly InputEvent[]): void {
  let batchBytes = 0;
  let previous = 0;
  for (const { timestamp, message } of events) {
    if (timestamp < previous) throw invalidLogsParameter('Log events in a single PutLogEvents request must be in chronological order.');
    previous = timestamp;
    const bytes = Buffer.byteLength(message) + eventOverheadBytes;
    if (bytes > maxEventBytes) throw invalidLogsParameter(`Log event too large: ${bytes} bytes exceeds limit of ${maxEventBytes}`);
    batchBytes += bytes;
  }
  if (batchBytes > maxBatchBytes) throw invalidLogsParameter(`Upload too large: ${batchBytes} bytes exceeds limit of ${maxBatchBytes}`);
  if (previous - (events[0]?.timestamp ?? 0) > dayMs) {
    throw invalidLogsParameter('The batch of log events in a single PutLogEvents request cannot span more than 24 hours.');
  }
}

/** How many of the events, which are in order, are before a time. */
function countBefore(events: readonly InputEvent[], time: number): number {
  const index = events.findIndex(({ timestamp }) => timestamp >= time);
  return index < 0 ? events.length : index;
}
