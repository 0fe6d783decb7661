import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateFunctionCommand, InvokeCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { answerFaults } from '../support/answer-faults.ts';
import type { CallOutcome, RealClient } from './call-outcome.ts';
import type { ClientName, Members } from './client-case.ts';
import { JavascriptClient } from './javascript-client.ts';
import { PythonClients } from './python-clients.ts';

const source = `exports.handler = async ({ level, count }) => {
  for (let number = 0; number < count; number += 1) console.log(JSON.stringify({ level, number }));
};
`;
const logGroup = '/aws/lambda/writer';
const stack = new AsyncDisposableStack();
let dataDir: string;
let daemon: RunningDaemon;
let clients: Readonly<Record<ClientName, RealClient>>;

async function start(): Promise<void> {
  daemon = stack.use(await startDaemon({ dataDir }));
  const callers = { own: daemon.credentials, other: daemon.credentials, 'wrong-secret': daemon.credentials };
  const python = stack.use(await PythonClients.start(callers));
  clients = { javascript: stack.use(new JavascriptClient(callers)), boto3: python.boto3, cli: python.cli };
}

async function invoke(payload: Members): Promise<void> {
  const { FunctionError } = await daemon.lambda().send(new InvokeCommand({ FunctionName: 'writer', Payload: Buffer.from(JSON.stringify(payload)) }));
  expect(FunctionError).toBeUndefined();
}

async function call(client: ClientName, operation: string, input: Members): Promise<CallOutcome> {
  const outcome = await clients[client].call({ service: 'logs', operation, as: 'own', input });
  expect(answerFaults(operation, outcome.raw, 'logs')).toEqual([]);
  return outcome;
}

async function answer(client: ClientName, operation: string, input: Members): Promise<Members> {
  const { answer: found, error } = await call(client, operation, input);
  expect(error).toBeUndefined();
  return found ?? {};
}

const listOf = (members: Members, name: string) => (members[name] ?? []) as readonly Members[];
const messagesOf = (members: Members): string[] => listOf(members, 'events').map(({ message }) => String(message));

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'cloister-'));
  await start();
  const code = { ZipFile: await zip({ 'index.js': source }) };
  const role = `arn:aws:iam::${daemon.credentials.accountId}:role/any`;
  await daemon
    .lambda()
    .send(new CreateFunctionCommand({ FunctionName: 'writer', Role: role, Runtime: 'nodejs24.x', Handler: 'index.handler', Code: code }));
  await invoke({ level: 'INFO', count: 30 });
  await invoke({ level: 'ERROR', count: 3 });
}, 120_000);
afterAll(async () => {
  await stack.disposeAsync();
  rmSync(dataDir, { recursive: true, force: true });
});

describe.each(['javascript', 'boto3', 'cli'] as const)('what a function wrote, read by %s', (client) => {
  it('is in the function’s log group, in a stream of its environment', async () => {
    const groups = listOf(await answer(client, 'DescribeLogGroups', { logGroupNamePrefix: '/aws/lambda/' }), 'logGroups');
    expect(groups).toMatchObject([{ logGroupName: logGroup, logGroupClass: 'STANDARD' }]);
    expect(groups[0]?.['storedBytes']).toBeGreaterThan(1_000);
    const streams = listOf(
      await answer(client, 'DescribeLogStreams', { logGroupName: logGroup, orderBy: 'LastEventTime', descending: true }),
      'logStreams',
    );
    expect(streams).toHaveLength(1);
    expect(streams[0]?.['logStreamName']).toMatch(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  });

  it('comes with the lines that Lambda adds, in order, page by page', async () => {
    const [stream] = listOf(await answer(client, 'DescribeLogStreams', { logGroupName: logGroup }), 'logStreams');
    const input = { logGroupName: logGroup, logStreamName: stream?.['logStreamName'], startFromHead: true, limit: 10 };
    const read: string[] = [];
    let nextToken: unknown;
    for (;;) {
      const page = await answer(client, 'GetLogEvents', { ...input, ...(nextToken === undefined ? {} : { nextToken }) });
      read.push(...messagesOf(page));
      if (page['nextForwardToken'] === nextToken) break;
      nextToken = page['nextForwardToken'];
    }
    expect(read.filter((message) => message.startsWith('START RequestId: '))).toHaveLength(2);
    expect(read.filter((message) => message.startsWith('REPORT RequestId: '))).toHaveLength(2);
    expect(read.filter((message) => message.includes('"INFO"'))).toHaveLength(30);
    expect(read.findIndex((message) => message.includes('"ERROR"'))).toBeGreaterThan(read.findLastIndex((message) => message.includes('"INFO"')));
  });

  it('is found by a pattern', async () => {
    const found = await answer(client, 'FilterLogEvents', { logGroupName: logGroup, filterPattern: '"\\"number\\":2" ERROR' });
    expect(messagesOf(found)).toHaveLength(1);
    const reports = await answer(client, 'FilterLogEvents', { logGroupName: logGroup, filterPattern: '%^REPORT RequestId: [0-9a-f-]+%' });
    expect(messagesOf(reports)).toHaveLength(2);
  });
});

describe('the API of CloudWatch Logs', () => {
  it.each(['javascript', 'boto3', 'cli'] as const)('shows %s what was written from a time on', async (client) => {
    const before = Date.now();
    await delay(2);
    await invoke({ level: client, count: 1 });
    const found = await answer(client, 'FilterLogEvents', { logGroupName: logGroup, startTime: before });
    expect(messagesOf(found).filter((message) => message.includes('"number":0'))).toEqual([expect.stringContaining(client)]);
  });

  it('names an operation that is not there', async () => {
    const { error, raw } = await clients.javascript.call({ service: 'logs', operation: 'DescribeQueries', as: 'own', input: {} });
    expect(error).toEqual({ code: 'UnknownOperationException', message: 'The operation DescribeQueries is not supported by Cloister yet.' });
    expect(raw.status).toBe(400);
  });

  it('has what was written before the daemon was started again', async () => {
    expect(await daemon.stop()).toBe(0);
    await start();
    const found = await answer('boto3', 'FilterLogEvents', { logGroupName: logGroup, filterPattern: '"\\"INFO\\""' });
    expect(messagesOf(found)).toHaveLength(30);
  });
});
