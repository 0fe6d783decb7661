import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateEventBusCommand, EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import {
  InvokeCommand,
  type LambdaClient,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, DeleteMessageCommand, type Message, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';
import { type MotoServer, startMotoServer } from './moto-server.ts';

const account = '123456789012';
const arnOf = (service: string, rest: string) => `arn:aws:${service}:us-east-1:${account}:${rest}`;
const code = `
exports.handler = async (event) => {
  if (event.fail) throw new TypeError('asked to fail');
  return { said: event.word ?? null };
};`;

let moto: MotoServer;
let daemon: RunningDaemon;
let lambda: LambdaClient;
let dataDir: string;
let aws: { sqs: SQSClient; sns: SNSClient; events: EventBridgeClient; s3: S3Client };

beforeAll(async () => {
  moto = await startMotoServer();
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' };
  const common = { endpoint: moto.endpoint, region: 'us-east-1', credentials };
  aws = {
    sqs: new SQSClient({ ...common }),
    sns: new SNSClient({ ...common }),
    events: new EventBridgeClient({ ...common }),
    s3: new S3Client({ ...common, forcePathStyle: true }),
  };
  dataDir = mkdtempSync(join(tmpdir(), 'cloister-'));
  const { endpoint } = moto;
  const section = { credentials, region: 'us-east-1', sqs: { endpoint }, sns: { endpoint }, events: { endpoint }, s3: { endpoint } };
  writeFileSync(join(dataDir, 'config.json'), JSON.stringify({ aws: section }), { mode: 0o600 });
  daemon = await startDaemon({ dataDir });
  lambda = daemon.lambda();
  await deploy(lambda, { name: 'worker', runtime: 'nodejs24.x', files: { 'index.js': code } });
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await moto?.[Symbol.asyncDispose]();
  if (dataDir !== undefined) rmSync(dataDir, { recursive: true, force: true });
});

const makeQueue = async (name: string) => (await aws.sqs.send(new CreateQueueCommand({ QueueName: name }))).QueueUrl ?? '';
const configure = (OnSuccess: string | undefined, OnFailure: string | undefined) =>
  lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: 'worker',
      MaximumRetryAttempts: 0,
      DestinationConfig: {
        ...(OnSuccess === undefined ? {} : { OnSuccess: { Destination: OnSuccess } }),
        ...(OnFailure === undefined ? {} : { OnFailure: { Destination: OnFailure } }),
      },
    }),
  );
const fire = (event: unknown) => fireText(JSON.stringify(event));
const fireText = async (payload: string) => {
  const { $metadata, StatusCode } = await lambda.send(new InvokeCommand({ FunctionName: 'worker', InvocationType: 'Event', Payload: payload }));
  expect(StatusCode).toBe(202);
  return $metadata.requestId;
};

/** The next message of a queue, taken out of it. */
async function receive(queueUrl: string): Promise<Message> {
  let received: Message | undefined;
  await expect
    .poll(
      async () => {
        const { Messages = [] } = await aws.sqs.send(
          new ReceiveMessageCommand({ QueueUrl: queueUrl, MessageAttributeNames: ['All'], MaxNumberOfMessages: 1 }),
        );
        received = Messages[0];
        return received;
      },
      { timeout: 20_000, interval: 100 },
    )
    .toBeDefined();
  await aws.sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: received?.ReceiptHandle ?? '' }));
  return received ?? {};
}

const recordOf = (requestId: string | undefined, event: unknown, fails: boolean) => ({
  version: '1.0',
  timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  requestContext: {
    requestId,
    functionArn: arnOf('lambda', 'function:worker:$LATEST'),
    condition: fails ? 'RetriesExhausted' : 'Success',
    approximateInvokeCount: 1,
  },
  requestPayload: event,
  responseContext: { statusCode: 200, executedVersion: '$LATEST', ...(fails ? { functionError: 'Unhandled' } : {}) },
  responsePayload: fails
    ? { errorType: 'TypeError', errorMessage: 'asked to fail', trace: expect.any(Array) }
    : { said: (event as { word?: string }).word },
});

describe('records of asynchronous invocations', () => {
  it('reach a queue, of a success and of a failure', async () => {
    const queueUrl = await makeQueue('records');
    await configure(arnOf('sqs', 'records'), arnOf('sqs', 'records'));
    const success = await fire({ word: 'garden' });
    expect(JSON.parse((await receive(queueUrl)).Body ?? '')).toEqual(recordOf(success, { word: 'garden' }, false));
    const failure = await fire({ fail: true });
    const record = JSON.parse((await receive(queueUrl)).Body ?? '');
    expect(record).toEqual(recordOf(failure, { fail: true }, true));
    expect(Object.keys(record)).toEqual(['version', 'timestamp', 'requestContext', 'requestPayload', 'responseContext', 'responsePayload']);
  });

  it('reach a topic as its message', async () => {
    const queueUrl = await makeQueue('subscriber');
    const { TopicArn } = await aws.sns.send(new CreateTopicCommand({ Name: 'news' }));
    await aws.sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: arnOf('sqs', 'subscriber') }));
    await configure(TopicArn, undefined);
    const requestId = await fire({ word: 'pond' });
    const { Message: text } = JSON.parse((await receive(queueUrl)).Body ?? '') as { Message: string };
    expect(JSON.parse(text)).toEqual(recordOf(requestId, { word: 'pond' }, false));
  });

  it.each([
    { event: { word: 'hill' }, result: 'Success', fails: false },
    { event: { fail: true }, result: 'Failure', fails: true },
  ])('reach an event bus as the detail of an event: $result', async ({ event, result, fails }) => {
    const bus = `bus-${result}`;
    const queueUrl = await makeQueue(bus);
    const busArn = arnOf('events', `event-bus/${bus}`);
    await aws.events.send(new CreateEventBusCommand({ Name: bus }));
    await aws.events.send(new PutRuleCommand({ Name: 'all', EventBusName: bus, EventPattern: JSON.stringify({ source: ['lambda'] }) }));
    await aws.events.send(new PutTargetsCommand({ Rule: 'all', EventBusName: bus, Targets: [{ Id: '1', Arn: arnOf('sqs', bus) }] }));
    await configure(busArn, busArn);
    const requestId = await fire(event);
    expect(JSON.parse((await receive(queueUrl)).Body ?? '')).toMatchObject({
      source: 'lambda',
      'detail-type': `Lambda Function Invocation Result - ${result}`,
      resources: [busArn, arnOf('lambda', 'function:worker:$LATEST')],
      detail: recordOf(requestId, event, fails),
    });
  });

  it('of failures reach a bucket, under the key that Lambda gives', async () => {
    await aws.s3.send(new CreateBucketCommand({ Bucket: 'failures' }));
    await configure(undefined, 'arn:aws:s3:::failures');
    const requestId = await fire({ fail: true });
    let key = '';
    await expect
      .poll(
        async () => {
          key = (await aws.s3.send(new ListObjectsV2Command({ Bucket: 'failures' }))).Contents?.[0]?.Key ?? '';
          return key;
        },
        { timeout: 20_000, interval: 100 },
      )
      .toMatch(/^aws\/lambda\/async\/worker\/(\d{4})\/(\d\d)\/(\d\d)\/\1-\2-\3T\d\d\.\d\d\.\d\d-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const { Body } = await aws.s3.send(new GetObjectCommand({ Bucket: 'failures', Key: key }));
    expect(JSON.parse((await Body?.transformToString()) ?? '')).toEqual(recordOf(requestId, { fail: true }, true));
  });

  it('reach a function here, whose own record tells of it', async () => {
    const queueUrl = await makeQueue('second');
    await deploy(lambda, {
      name: 'next',
      runtime: 'nodejs24.x',
      files: { 'index.js': 'exports.handler = async (record) => record.responsePayload;' },
    });
    await lambda.send(
      new PutFunctionEventInvokeConfigCommand({ FunctionName: 'next', DestinationConfig: { OnSuccess: { Destination: arnOf('sqs', 'second') } } }),
    );
    await configure(arnOf('lambda', 'function:next'), undefined);
    const requestId = await fire({ word: 'wall' });
    expect(JSON.parse((await receive(queueUrl)).Body ?? '')).toMatchObject({
      requestPayload: recordOf(requestId, { word: 'wall' }, false),
      responsePayload: { said: 'wall' },
    });
  });

  it('say that a function without concurrency did not run', async () => {
    const queueUrl = await makeQueue('held');
    await deploy(lambda, { name: 'held', runtime: 'nodejs24.x', files: { 'index.js': code } });
    await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: 'held', ReservedConcurrentExecutions: 0 }));
    await lambda.send(
      new PutFunctionEventInvokeConfigCommand({ FunctionName: 'held', DestinationConfig: { OnFailure: { Destination: arnOf('sqs', 'held') } } }),
    );
    await lambda.send(new InvokeCommand({ FunctionName: 'held', InvocationType: 'Event', Payload: '{}' }));
    const record = JSON.parse((await receive(queueUrl)).Body ?? '');
    expect(record.requestContext).toMatchObject({ condition: 'ZeroReservedConcurrency', approximateInvokeCount: 0 });
    expect(Object.keys(record)).toEqual(['version', 'timestamp', 'requestContext', 'requestPayload']);
  });
});

describe('dead letters', () => {
  it.each(['sqs', 'sns'] as const)('reach %s as the event was sent, with attributes that say why', async (service) => {
    const queueUrl = await makeQueue(`dead-${service}`);
    const target = service === 'sqs' ? arnOf('sqs', 'dead-sqs') : arnOf('sns', 'dead-news');
    if (service === 'sns') {
      await aws.sns.send(new CreateTopicCommand({ Name: 'dead-news' }));
      await aws.sns.send(
        new SubscribeCommand({
          TopicArn: target,
          Protocol: 'sqs',
          Endpoint: arnOf('sqs', 'dead-sns'),
          Attributes: { RawMessageDelivery: 'true' },
        }),
      );
    }
    await configure(undefined, undefined);
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'worker', DeadLetterConfig: { TargetArn: target } }));
    await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { FunctionName: 'worker' });
    // More digits than JavaScript keeps.
    const event = '{ "fail": true, "n": 12345678901234567890 }';
    const requestId = await fireText(event);
    const letter = await receive(queueUrl);
    expect(letter.Body).toBe(event);
    expect(letter.MessageAttributes).toMatchObject({
      RequestID: { DataType: 'String', StringValue: requestId },
      ErrorCode: { DataType: 'Number', StringValue: '200' },
      ErrorMessage: { DataType: 'String', StringValue: 'asked to fail' },
    });
  });
});
