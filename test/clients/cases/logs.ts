import { expect } from 'vitest';
import type { ClientCase, Members, Scoped, Step } from '../client-case.ts';

const reference = 'Amazon CloudWatch Logs API Reference';
const recordings = 'recorded answers of CloudWatch Logs, moto models.py';
const now = Date.now();

type LogsStep = Omit<Step, 'service'>;
const logs = (step: LogsStep): Step => ({ ...step, service: 'logs' });
type LogsCase = Omit<ClientCase, 'service'>;
const logsCase = (each: LogsCase): ClientCase => ({ ...each, service: 'logs' });

const refused = (code: string, message: Scoped<string | RegExp>) => ({ error: { code, status: 400, message } });
const invalid = (message: Scoped<string | RegExp>) => refused('InvalidParameterException', message);
const noGroup = refused('ResourceNotFoundException', 'The specified log group does not exist.');
const noStream = refused('ResourceNotFoundException', 'The specified log stream does not exist.');
const badToken = invalid('The specified nextToken is invalid.');

const createsGroup = (more: Members = {}): Step => logs({ operation: 'CreateLogGroup', input: ({ name }) => ({ logGroupName: name, ...more }) });
const createsStream = (stream = 's'): Step =>
  logs({ operation: 'CreateLogStream', input: ({ name }) => ({ logGroupName: name, logStreamName: stream }) });
const puts = (events: readonly (readonly [offsetMs: number, message: string])[], stream = 's'): Step =>
  logs({
    operation: 'PutLogEvents',
    input: ({ name }) => ({
      logGroupName: name,
      logStreamName: stream,
      logEvents: events.map(([offsetMs, message]) => ({ timestamp: now + offsetMs, message })),
    }),
  });
const ofGroup =
  (more: Members = {}) =>
  ({ name }: { readonly name: string }): Members => ({ logGroupName: name, ...more });
const ofStream = (more: Members = {}) => ofGroup({ logStreamName: 's', ...more });
const lettered = [
  [1, 'a'],
  [2, 'b'],
  [3, 'c'],
  [4, 'd'],
  [5, 'e'],
] as const;
const withLetters = [createsGroup(), createsStream(), puts(lettered)];
const eventsOf = (letters: string) => ({ events: [...letters].map((message) => ({ message })) });

/** What CloudWatch Logs answers. */
export const logsCases: readonly ClientCase[] = [
  logsCase({
    operation: 'CreateLogGroup',
    rule: 'a group is made with tags, and found by its prefix',
    source: reference,
    input: ofGroup({ tags: { team: 'blue' } }),
    expect: { answer: {} },
    after: [
      logs({
        operation: 'DescribeLogGroups',
        input: ({ name }) => ({ logGroupNamePrefix: name }),
        expect: {
          answer: ({ name, region, accountId }) => ({
            logGroups: [
              {
                logGroupName: name,
                arn: `arn:aws:logs:${region}:${accountId}:log-group:${name}:*`,
                logGroupArn: `arn:aws:logs:${region}:${accountId}:log-group:${name}`,
                logGroupClass: 'STANDARD',
                metricFilterCount: 0,
                storedBytes: 0,
              },
            ],
          }),
        },
      }),
      logs({
        operation: 'ListTagsForResource',
        input: ({ name, region, accountId }) => ({ resourceArn: `arn:aws:logs:${region}:${accountId}:log-group:${name}` }),
        expect: { answer: { tags: { team: 'blue' } } },
      }),
    ],
  }),
  logsCase({
    operation: 'CreateLogGroup',
    rule: 'a group is made once',
    source: recordings,
    before: [createsGroup()],
    input: ofGroup(),
    expect: refused('ResourceAlreadyExistsException', 'The specified log group already exists'),
  }),
  logsCase({
    operation: 'CreateLogGroup',
    rule: 'a name has no spaces',
    source: 'service model of CloudWatch Logs',
    input: { logGroupName: 'a b' },
    expect: invalid(
      "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
    ),
  }),
  logsCase({
    operation: 'DescribeLogGroups',
    rule: 'prefix and pattern exclude each other',
    source: recordings,
    input: { logGroupNamePrefix: 'a', logGroupNamePattern: 'b' },
    expect: invalid('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.'),
  }),
  logsCase({
    operation: 'DescribeLogGroups',
    rule: 'a pattern is found anywhere in a name',
    source: reference,
    before: [createsGroup()],
    input: ({ name }) => ({ logGroupNamePattern: name.slice(2) }),
    expect: { answer: ({ name }) => ({ logGroups: [{ logGroupName: name }] }) },
  }),
  logsCase({
    operation: 'DescribeLogGroups',
    rule: 'another account’s groups are not shown',
    source: reference,
    before: [createsGroup()],
    as: 'other',
    input: ({ name }) => ({ logGroupNamePrefix: name }),
    expect: { answer: { logGroups: [] } },
  }),
  logsCase({
    operation: 'DescribeLogGroups',
    rule: 'a token that nobody gave is refused',
    source: recordings,
    input: { nextToken: 'invalid' },
    expect: badToken,
  }),
  logsCase({
    operation: 'DescribeLogGroups',
    rule: 'a page has at most 50 groups',
    source: recordings,
    input: { limit: 51 },
    expect: invalid(
      "1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50",
    ),
  }),
  logsCase({
    operation: 'DescribeLogGroups',
    rule: 'a wrong signature opens nothing',
    source: 'AWS Signature Version 4',
    as: 'wrong-secret',
    input: {},
    expect: refused('InvalidSignatureException', /^The request signature we calculated does not match/),
  }),
  logsCase({
    operation: 'DeleteLogGroup',
    rule: 'a group goes with its events',
    source: reference,
    before: withLetters,
    input: ofGroup(),
    expect: { answer: {} },
    after: [logs({ operation: 'GetLogEvents', input: ofStream(), expect: noGroup })],
  }),
  logsCase({ operation: 'DeleteLogGroup', rule: 'the group must exist', source: recordings, input: ofGroup(), expect: noGroup }),
  logsCase({
    operation: 'PutRetentionPolicy',
    rule: 'days are kept, and shown with the group',
    source: reference,
    before: [createsGroup()],
    input: ofGroup({ retentionInDays: 14 }),
    expect: { answer: {} },
    after: [
      logs({
        operation: 'DescribeLogGroups',
        input: ({ name }) => ({ logGroupNamePrefix: name }),
        expect: { answer: { logGroups: [{ retentionInDays: 14 }] } },
      }),
    ],
  }),
  logsCase({
    operation: 'PutRetentionPolicy',
    rule: 'days are among those that AWS names',
    source: reference,
    before: [createsGroup()],
    input: ofGroup({ retentionInDays: 2 }),
    expect: invalid(
      /^1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: \[1, 3, 5, /,
    ),
  }),
  logsCase({
    operation: 'PutRetentionPolicy',
    rule: 'the group must exist',
    source: recordings,
    input: ofGroup({ retentionInDays: 7 }),
    expect: noGroup,
  }),
  logsCase({
    operation: 'DeleteRetentionPolicy',
    rule: 'events are kept for ever again',
    source: reference,
    before: [createsGroup(), logs({ operation: 'PutRetentionPolicy', input: ofGroup({ retentionInDays: 1 }) })],
    input: ofGroup(),
    expect: { answer: {} },
    after: [
      logs({
        operation: 'DescribeLogGroups',
        input: ({ name }) => ({ logGroupNamePrefix: name }),
        expect: { answer: { logGroups: [expect.not.objectContaining({ retentionInDays: 1 })] } },
      }),
    ],
  }),
  logsCase({ operation: 'DeleteRetentionPolicy', rule: 'the group must exist', source: recordings, input: ofGroup(), expect: noGroup }),
  logsCase({
    operation: 'CreateLogStream',
    rule: 'a stream is made once',
    source: recordings,
    before: [createsGroup(), createsStream()],
    input: ofStream(),
    expect: refused('ResourceAlreadyExistsException', 'The specified log stream already exists'),
  }),
  logsCase({ operation: 'CreateLogStream', rule: 'the group must exist', source: recordings, input: ofStream(), expect: noGroup }),
  logsCase({
    operation: 'DeleteLogStream',
    rule: 'a stream goes with its events',
    source: reference,
    before: withLetters,
    input: ofStream(),
    expect: { answer: {} },
    after: [logs({ operation: 'GetLogEvents', input: ofStream(), expect: noStream })],
  }),
  logsCase({
    operation: 'DeleteLogStream',
    rule: 'the stream must exist',
    source: recordings,
    before: [createsGroup()],
    input: ofStream(),
    expect: noStream,
  }),
  logsCase({
    operation: 'DescribeLogStreams',
    rule: 'streams are shown with the times of their events, by name',
    source: reference,
    before: [...withLetters, createsStream('empty')],
    input: ofGroup(),
    expect: {
      answer: ({ name, region, accountId }) => ({
        logStreams: [
          { logStreamName: 'empty', storedBytes: 0 },
          {
            logStreamName: 's',
            firstEventTimestamp: now + 1,
            lastEventTimestamp: now + 5,
            arn: `arn:aws:logs:${region}:${accountId}:log-group:${name}:log-stream:s`,
          },
        ],
      }),
    },
  }),
  logsCase({
    operation: 'DescribeLogStreams',
    rule: 'the newest come first when they are asked for by their last event',
    source: reference,
    before: [createsGroup(), createsStream('a'), createsStream('b'), puts([[1, 'x']], 'b'), puts([[9, 'x']], 'a')],
    input: ofGroup({ orderBy: 'LastEventTime', descending: true, limit: 1 }),
    save: 'page',
    expect: { answer: { logStreams: [{ logStreamName: 'a' }] } },
    after: [
      logs({
        operation: 'DescribeLogStreams',
        input: ({ name, saved }) => ({
          logGroupName: name,
          orderBy: 'LastEventTime',
          descending: true,
          limit: 1,
          nextToken: saved('page')['nextToken'],
        }),
        expect: { answer: { logStreams: [{ logStreamName: 'b' }] }, absent: ['nextToken'] },
      }),
    ],
  }),
  logsCase({
    operation: 'DescribeLogStreams',
    rule: 'a prefix does not go with the order of the last event',
    source: recordings,
    before: [createsGroup()],
    input: ofGroup({ orderBy: 'LastEventTime', logStreamNamePrefix: 'a' }),
    expect: invalid('Cannot order by LastEventTime with a logStreamNamePrefix.'),
  }),
  logsCase({ operation: 'DescribeLogStreams', rule: 'the group must exist', source: recordings, input: ofGroup(), expect: noGroup }),
  logsCase({
    operation: 'GetLogEvents',
    rule: 'the latest events come without startFromHead, oldest of them first, and tokens lead both ways',
    source: reference,
    before: withLetters,
    input: ofStream({ limit: 2 }),
    save: 'latest',
    expect: { answer: eventsOf('de') },
    after: [
      logs({
        operation: 'GetLogEvents',
        input: ({ name, saved }) => ofStream({ limit: 2, nextToken: saved('latest')['nextBackwardToken'] })({ name }),
        save: 'earlier',
        expect: { answer: eventsOf('bc') },
      }),
      logs({
        operation: 'GetLogEvents',
        input: ({ name, saved }) => ofStream({ nextToken: saved('earlier')['nextForwardToken'] })({ name }),
        expect: { answer: ({ saved }) => ({ ...eventsOf('de'), nextForwardToken: saved('latest')['nextForwardToken'] }) },
      }),
      puts([[7, 'f']]),
      logs({
        operation: 'GetLogEvents',
        input: ({ name, saved }) => ofStream({ nextToken: saved('latest')['nextForwardToken'] })({ name }),
        expect: { answer: eventsOf('f') },
      }),
    ],
  }),
  logsCase({
    operation: 'GetLogEvents',
    rule: 'at the end the token stays what it is',
    source: reference,
    before: [
      ...withLetters,
      logs({ operation: 'GetLogEvents', input: ofStream({ startFromHead: true }), save: 'all', expect: { answer: eventsOf('abcde') } }),
    ],
    input: ({ name, saved }) => ofStream({ nextToken: saved('all')['nextForwardToken'] })({ name }),
    expect: { answer: ({ saved }) => ({ events: [], nextForwardToken: saved('all')['nextForwardToken'] }) },
  }),
  logsCase({
    operation: 'GetLogEvents',
    rule: 'the start of a range belongs to it, its end does not',
    source: reference,
    before: withLetters,
    input: ofStream({ startTime: now + 2, endTime: now + 4, startFromHead: true }),
    expect: { answer: eventsOf('bc') },
  }),
  logsCase({
    operation: 'GetLogEvents',
    rule: 'a group may be named by its ARN',
    source: reference,
    before: withLetters,
    input: ({ name, region, accountId }) => ({
      logGroupIdentifier: `arn:aws:logs:${region}:${accountId}:log-group:${name}`,
      logStreamName: 's',
      startFromHead: true,
    }),
    expect: { answer: eventsOf('abcde') },
  }),
  logsCase({
    operation: 'GetLogEvents',
    rule: 'another account finds no such group, by its ARN neither',
    source: reference,
    before: withLetters,
    as: 'other',
    input: ({ name, region, accountId }) => ({ logGroupIdentifier: `arn:aws:logs:${region}:${accountId}:log-group:${name}`, logStreamName: 's' }),
    expect: noGroup,
  }),
  logsCase({
    operation: 'GetLogEvents',
    rule: 'the stream must exist',
    source: recordings,
    before: [createsGroup()],
    input: ofStream(),
    expect: noStream,
  }),
  logsCase({
    operation: 'GetLogEvents',
    rule: 'a token that nobody gave is refused',
    source: recordings,
    before: withLetters,
    input: ofStream({ nextToken: 'f/invalid' }),
    expect: badToken,
  }),
  logsCase({
    operation: 'FilterLogEvents',
    rule: 'events of all streams come in the order of time, page by page',
    source: reference,
    before: [
      createsGroup(),
      createsStream('s'),
      createsStream('t'),
      puts([
        [1, 'a'],
        [3, 'c'],
      ]),
      puts(
        [
          [2, 'b'],
          [4, 'd'],
        ],
        't',
      ),
    ],
    input: ofGroup({ limit: 3 }),
    save: 'page',
    expect: {
      answer: {
        events: [
          { message: 'a', logStreamName: 's', eventId: expect.stringMatching(/^\d{56}$/) },
          { message: 'b', logStreamName: 't', timestamp: now + 2 },
          { message: 'c', logStreamName: 's' },
        ],
        searchedLogStreams: [],
      },
    },
    after: [
      logs({
        operation: 'FilterLogEvents',
        input: ({ name, saved }) => ({ logGroupName: name, nextToken: saved('page')['nextToken'] }),
        expect: { answer: eventsOf('d'), absent: ['nextToken'] },
      }),
    ],
  }),
  logsCase({
    operation: 'FilterLogEvents',
    rule: 'both ends of a range belong to it, and the newest come first when asked for',
    source: reference,
    before: withLetters,
    input: ofGroup({ startTime: now + 2, endTime: now + 4, startFromHead: false }),
    expect: { answer: eventsOf('dcb') },
  }),
  logsCase({
    operation: 'FilterLogEvents',
    rule: 'a pattern of JSON chooses by its members',
    source: 'CloudWatch Logs User Guide, Filter pattern syntax',
    before: [
      createsGroup(),
      createsStream(),
      puts([
        [1, '{"level":"ERROR","ms":12}'],
        [2, '{"level":"INFO","ms":90}'],
        [3, 'ERROR 90'],
      ]),
    ],
    input: ofGroup({ filterPattern: '{ $.level = "ERR*" || $.ms >= 100 }' }),
    expect: { answer: { events: [{ message: '{"level":"ERROR","ms":12}' }] } },
  }),
  logsCase({
    operation: 'FilterLogEvents',
    rule: 'terms are needed, optional or unwanted',
    source: 'CloudWatch Logs User Guide, Filter pattern syntax',
    before: [
      createsGroup(),
      createsStream(),
      puts([
        [1, 'ERROR code 500'],
        [2, 'ERROR code 404'],
        [3, 'INFO ok'],
      ]),
    ],
    input: ofGroup({ filterPattern: 'ERROR -404' }),
    expect: { answer: { events: [{ message: 'ERROR code 500' }] } },
  }),
  logsCase({
    operation: 'FilterLogEvents',
    rule: 'a prefix of streams and their names exclude each other',
    source: reference,
    before: [createsGroup()],
    input: ofGroup({ logStreamNames: ['s'], logStreamNamePrefix: 's' }),
    expect: invalid('LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.'),
  }),
  logsCase({
    operation: 'FilterLogEvents',
    rule: 'a pattern that cannot be read is refused',
    source: 'CloudWatch Logs User Guide, Filter pattern syntax',
    before: [createsGroup()],
    input: ofGroup({ filterPattern: '{ $.a = }' }),
    expect: invalid('Invalid filter pattern'),
  }),
  logsCase({ operation: 'FilterLogEvents', rule: 'the group must exist', source: recordings, input: ofGroup(), expect: noGroup }),
  logsCase({
    operation: 'PutLogEvents',
    rule: 'events that are too old or too new are left out and told of',
    source: reference,
    before: [createsGroup(), createsStream()],
    input: ofStream({ logEvents: [{ timestamp: now + 4 * 3_600_000, message: 'new' }] }),
    expect: { answer: { rejectedLogEventsInfo: { tooNewLogEventStartIndex: 0 } } },
    after: [logs({ operation: 'GetLogEvents', input: ofStream(), expect: { answer: { events: [] } } })],
  }),
  logsCase({
    operation: 'PutLogEvents',
    rule: 'a batch is in the order of time',
    source: recordings,
    before: [createsGroup(), createsStream()],
    input: ofStream({ logEvents: [2, 1].map((offset) => ({ timestamp: now + offset, message: 'x' })) }),
    expect: invalid('Log events in a single PutLogEvents request must be in chronological order.'),
  }),
  logsCase({
    operation: 'TagResource',
    rule: 'tags come and go by the group’s ARN',
    source: reference,
    before: [createsGroup({ tags: { a: '1', b: '2' } })],
    input: ({ name, region, accountId }) => ({ resourceArn: `arn:aws:logs:${region}:${accountId}:log-group:${name}`, tags: { c: '3' } }),
    expect: { answer: {} },
    after: [
      logs({
        operation: 'UntagResource',
        input: ({ name, region, accountId }) => ({ resourceArn: `arn:aws:logs:${region}:${accountId}:log-group:${name}`, tagKeys: ['a'] }),
        expect: { answer: {} },
      }),
      logs({
        operation: 'ListTagsForResource',
        input: ({ name, region, accountId }) => ({ resourceArn: `arn:aws:logs:${region}:${accountId}:log-group:${name}` }),
        expect: { answer: { tags: { b: '2', c: '3' } } },
      }),
    ],
  }),
];
