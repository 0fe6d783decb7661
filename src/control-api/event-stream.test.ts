import { InvokeWithResponseStreamCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ControlApiFixture, createTestFunction, fixtureRegion, openControlApiFixture } from '../../test/support/control-api-fixture.ts';
import type { StreamCompletion } from '../invoke/invoker.ts';

let fixture: ControlApiFixture;
let lambda: LambdaClient;

beforeAll(async () => {
  fixture = await openControlApiFixture();
  // The SDK signs with the time of this machine, which is the fixture's.
  const endpoint = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
  lambda = new LambdaClient({ endpoint, region: fixtureRegion, credentials: fixture.operator, maxAttempts: 1 });
  await createTestFunction(fixture, 'stream');
});
afterAll(async () => {
  lambda.destroy();
  await fixture[Symbol.asyncDispose]();
});
afterEach(() => {
  fixture.invoker.stream = undefined;
});

function streams(pieces: readonly string[], completion: StreamCompletion = {}, contentType?: string): void {
  fixture.invoker.stream = async (request) => ({
    executedVersion: request.function.version,
    contentType,
    body: (async function* () {
      for (const piece of pieces) yield Buffer.from(piece);
    })(),
    completed: Promise.resolve(completion),
  });
}

async function invoke(more: object = {}) {
  const answer = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName: 'stream', Payload: Buffer.from('{}'), ...more }));
  const events: unknown[] = [];
  for await (const { PayloadChunk, InvokeComplete } of answer.EventStream ?? []) {
    events.push(PayloadChunk === undefined ? { InvokeComplete } : Buffer.from(PayloadChunk.Payload ?? []).toString());
  }
  return { answer, events };
}

describe('InvokeWithResponseStream', () => {
  it('gives each piece as a PayloadChunk and InvokeComplete last', async () => {
    streams(['first', 'second'], {}, 'text/event-stream');
    const { answer, events } = await invoke();
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST', ResponseStreamContentType: 'application/vnd.amazon.eventstream' });
    expect(events).toEqual(['first', 'second', { InvokeComplete: {} }]);
    expect(fixture.invoker.requests.at(-1)).toMatchObject({ logTail: false });
  });

  it('tells in InvokeComplete what the function failed with, and the log’s tail', async () => {
    streams(['half'], { error: { code: 'TypeError', details: Buffer.from('{"errorType":"TypeError"}') }, logTail: Buffer.from('START\nEND\n') });
    const { events } = await invoke({ LogType: 'Tail' });
    const complete = { ErrorCode: 'TypeError', ErrorDetails: '{"errorType":"TypeError"}', LogResult: Buffer.from('START\nEND\n').toString('base64') };
    expect(events).toEqual(['half', { InvokeComplete: complete }]);
    expect(fixture.invoker.requests.at(-1)).toMatchObject({ logTail: true });
  });

  it('names the content type of what it carries in a header of its own', async () => {
    streams(['{}'], {}, 'application/json');
    let headers: Readonly<Record<string, string>> = {};
    lambda.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        headers = (result.response as { headers: Record<string, string> }).headers;
        return result;
      },
      { step: 'deserialize', name: 'keepHeaders', priority: 'low' },
    );
    await invoke();
    lambda.middlewareStack.remove('keepHeaders');
    expect(headers).toMatchObject({
      'x-amzn-remapped-content-type': 'application/json',
      'transfer-encoding': 'chunked',
      'x-amzn-requestid': expect.any(String),
    });
  });

  it('is refused in the plain form when nothing has been sent', async () => {
    await expect(invoke({ FunctionName: 'none' })).rejects.toMatchObject({ name: 'ResourceNotFoundException', $metadata: { httpStatusCode: 404 } });
    await expect(invoke({ Payload: Buffer.from('{') })).rejects.toMatchObject({ name: 'InvalidRequestContentException' });
    await expect(invoke({ Payload: Buffer.alloc(6_291_457, ' ') })).rejects.toMatchObject({ name: 'RequestEntityTooLargeException' });
    await expect(invoke({ InvocationType: 'Event' })).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('of a DryRun runs nothing', async () => {
    const before = fixture.invoker.requests.length;
    expect((await invoke({ InvocationType: 'DryRun' })).answer.StatusCode).toBe(204);
    expect(fixture.invoker.requests).toHaveLength(before);
  });
});
