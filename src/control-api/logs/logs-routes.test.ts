import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlApiFixture, callApi, openControlApiFixture } from '../../../test/support/control-api-fixture.ts';
import type { AccessKey } from '../stores/access-key-directory.ts';

let fixture: ControlApiFixture;
let tenant: AccessKey;
beforeAll(async () => {
  fixture = await openControlApiFixture();
  tenant = await fixture.storage.accounts.createAccessKey('210987654321');
});
afterAll(() => fixture[Symbol.asyncDispose]());

interface Options {
  readonly key?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly service?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function call(operation: string, input: unknown, { key = fixture.operator, service = 'logs', headers = {} }: Options = {}) {
  const body = typeof input === 'string' ? input : JSON.stringify(input);
  const target = { 'x-amz-target': `Logs_20140328.${operation}`, 'content-type': 'application/x-amz-json-1.1', ...headers };
  const response = await callApi(fixture, { method: 'POST', path: '/', headers: target, body }, { key, service });
  return { status: response.statusCode, type: response.headers['content-type'], body: response.body === '' ? undefined : response.json() };
}

describe('a request to CloudWatch Logs', () => {
  it('is answered in its protocol', async () => {
    expect(await call('CreateLogGroup', { logGroupName: 'a' })).toEqual({ status: 200, type: 'application/x-amz-json-1.1', body: undefined });
    expect(await call('DescribeLogGroups', {})).toMatchObject({
      status: 200,
      type: 'application/x-amz-json-1.1',
      body: { logGroups: [{ logGroupName: 'a' }] },
    });
  });

  it.each([
    ['for an operation nobody knows', () => call('Nothing', {}), 'UnknownOperationException', /Nothing/],
    ['without a target', () => call('DescribeLogGroups', {}, { headers: { 'x-amz-target': 'x' } }), 'UnknownOperationException', /no such/],
    ['that is not JSON', () => call('DescribeLogGroups', '{'), 'SerializationException', /JSON|json/],
    ['that is not an object', () => call('DescribeLogGroups', '[]'), 'SerializationException', /Start of list/],
    ['with a wrong type', () => call('DescribeLogGroups', { limit: 'x' }), 'SerializationException', /Integer/],
    ['without what is needed', () => call('CreateLogGroup', {}), 'InvalidParameterException', /Value null at 'logGroupName'/],
    ['signed for Lambda', () => call('DescribeLogGroups', {}, { service: 'lambda' }), 'InvalidSignatureException', /'logs'/],
    [
      'of a key nobody made',
      () => call('DescribeLogGroups', {}, { key: { ...tenant, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' } }),
      'UnrecognizedClientException',
      /security token/,
    ],
  ])('%s is refused with 400 and its type', async (_, request, type, message) => {
    const { status, body } = await request();
    expect({ status, body }).toEqual({ status: 400, body: { __type: type, message: expect.stringMatching(message) } });
  });

  it('opens nothing with an environment’s own credentials', async () => {
    const { accountId } = fixture.operator;
    const { status, body } = await call('DescribeLogGroups', {}, { key: fixture.sessions.issue('env-1', accountId) });
    const user = `User: arn:aws:sts::${accountId}:assumed-role/cloister-environment/env-1 is not authorized to perform: logs:DescribeLogGroups`;
    expect({ status, body }).toEqual({ status: 400, body: { __type: 'AccessDeniedException', message: expect.stringContaining(user) } });
  });

  it('reads nothing of another account', async () => {
    await call('CreateLogGroup', { logGroupName: 'mine' });
    await call('CreateLogStream', { logGroupName: 'mine', logStreamName: 's' });
    const gone = { __type: 'ResourceNotFoundException', message: 'The specified log group does not exist.' };
    const group = { logGroupName: 'mine' };
    const arn = `arn:aws:logs:us-east-1:${fixture.operator.accountId}:log-group:mine`;
    for (const [operation, input] of [
      ['DescribeLogStreams', group],
      ['GetLogEvents', { ...group, logStreamName: 's' }],
      ['FilterLogEvents', { logGroupIdentifier: arn }],
      ['DeleteLogGroup', group],
      ['DeleteLogStream', { ...group, logStreamName: 's' }],
      ['PutRetentionPolicy', { ...group, retentionInDays: 1 }],
      ['DeleteRetentionPolicy', group],
      ['CreateLogStream', { ...group, logStreamName: 't' }],
      ['PutLogEvents', { ...group, logStreamName: 's', logEvents: [{ timestamp: fixture.now, message: 'x' }] }],
      ['ListTagsForResource', { resourceArn: arn }],
      ['TagResource', { resourceArn: arn, tags: { a: 'b' } }],
      ['UntagResource', { resourceArn: arn, tagKeys: ['a'] }],
    ] as const) {
      expect({ operation, body: (await call(operation, input, { key: tenant })).body }).toEqual({ operation, body: gone });
    }
    expect((await call('DescribeLogStreams', group)).body).toMatchObject({ logStreams: [{ logStreamName: 's' }] });
    expect(fixture.errors).toEqual([]);
  });

  it('ends a page at 1 MiB of text, and the next goes on from there', async () => {
    const group = { logGroupName: 'large' };
    await call('CreateLogGroup', group);
    await call('CreateLogStream', { ...group, logStreamName: 's' });
    for (let index = 0; index < 5; index += 1) {
      const logEvents = [{ timestamp: fixture.now + index, message: `${index}${'x'.repeat(400_000)}` }];
      expect((await call('PutLogEvents', { ...group, logStreamName: 's', logEvents })).status).toBe(200);
    }
    const numbers: string[][] = [];
    let nextToken: string | undefined;
    do {
      const { body } = await call('FilterLogEvents', { ...group, ...(nextToken === undefined ? {} : { nextToken }) });
      numbers.push(body.events.map(({ message }: { message: string }) => message[0]));
      nextToken = body.nextToken;
    } while (nextToken !== undefined);
    expect(numbers).toEqual([['0', '1'], ['2', '3'], ['4']]);
  });
});
