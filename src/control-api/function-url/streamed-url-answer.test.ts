import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ControlApiFixture, callApi, createTestFunction, openControlApiFixture } from '../../../test/support/control-api-fixture.ts';
import type { StreamCompletion } from '../../invoke/invoker.ts';

const integrationType = 'application/vnd.awslambda.http-integration-response';
let fixture: ControlApiFixture;
let address: URL;

beforeAll(async () => {
  fixture = await openControlApiFixture();
  const base = await fixture.app.listen({ host: '127.0.0.1', port: 0 });
  await createTestFunction(fixture, 'stream');
  const create = (path: string, members: object) => callApi(fixture, { method: 'POST', path, body: JSON.stringify(members) });
  const url = await create('/2021-10-31/functions/stream/url', {
    AuthType: 'NONE',
    InvokeMode: 'RESPONSE_STREAM',
    Cors: { AllowOrigins: ['https://example.com'] },
  });
  address = new URL(new URL(url.json().FunctionUrl).pathname, base);
  const policy = '/2015-03-31/functions/stream/policy';
  await create(policy, { StatementId: 'url', Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: 'NONE' });
  await create(policy, { StatementId: 'invoke', Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true });
});
afterAll(() => fixture[Symbol.asyncDispose]());
afterEach(() => {
  fixture.invoker.stream = undefined;
});

interface Streamed {
  readonly contentType?: string;
  readonly pieces: () => AsyncIterable<Buffer>;
  readonly failed?: 'error' | 'timeout';
  readonly completion?: StreamCompletion;
}

/** What the function answers next. Returns how the reading of its pieces ended. */
function streams({ contentType, pieces, failed, completion = {} }: Streamed): Promise<'read' | 'left'> {
  const how = Promise.withResolvers<'read' | 'left'>();
  async function* noted(): AsyncGenerator<Buffer, void, undefined> {
    let end: 'read' | 'left' = 'left';
    try {
      yield* pieces();
      end = 'read';
    } finally {
      how.resolve(end);
    }
  }
  fixture.invoker.stream = async (request) => ({
    executedVersion: request.function.version,
    contentType,
    body: noted(),
    ...(failed === undefined ? {} : { failed }),
    completed: how.promise.then(() => completion),
  });
  return how.promise;
}

async function* each(...pieces: readonly string[]): AsyncGenerator<Buffer, void, undefined> {
  for (const piece of pieces) yield Buffer.from(piece);
}

function ask(headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(address, { headers, agent: false }, resolve).on('error', reject);
  });
}

describe('a function URL that streams', () => {
  it('sends pieces as they come, with the content type that the runtime named', async () => {
    const goOn = Promise.withResolvers<void>();
    streams({
      contentType: 'text/event-stream',
      pieces: async function* () {
        yield Buffer.from('first');
        await goOn.promise;
        yield Buffer.from('second');
      },
    });
    const answer = await ask();
    expect([answer.statusCode, answer.headers['content-type'], answer.headers['transfer-encoding']]).toEqual([200, 'text/event-stream', 'chunked']);
    const pieces = answer[Symbol.asyncIterator]();
    expect(String((await pieces.next()).value)).toBe('first');
    goOn.resolve();
    expect(String((await pieces.next()).value)).toBe('second');
    expect((await pieces.next()).done).toBe(true);
  });

  it.each([
    ['in one piece with the body', (prelude: string) => [`${prelude}\0\0\0\0\0\0\0\0body`]],
    ['in pieces of its own', (prelude: string) => [prelude, '\0\0\0\0\0\0\0\0', 'bo', 'dy']],
    ['cut in the middle of the delimiter', (prelude: string) => [`${prelude}\0\0\0`, '\0\0\0\0\0body']],
  ])('takes status, headers and cookies from a prelude %s', async (_how, cut) => {
    const prelude = JSON.stringify({
      statusCode: 206,
      headers: { 'Content-Type': 'text/plain', 'X-Own': 'yes', Connection: 'close' },
      cookies: ['a=1; Path=/', 'b=2'],
    });
    streams({ contentType: integrationType, pieces: () => each(...cut(prelude)) });
    const answer = await ask({ origin: 'https://example.com' });
    expect([answer.statusCode, await text(answer)]).toEqual([206, 'body']);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain',
      'x-own': 'yes',
      'set-cookie': ['a=1; Path=/', 'b=2'],
      'x-amzn-remapped-connection': 'close',
      'access-control-allow-origin': 'https://example.com',
    });
  });

  it('takes what a prelude does not name from Lambda’s defaults, and nothing for a body', async () => {
    streams({ contentType: integrationType, pieces: () => each('{}\0\0\0\0\0\0\0\0') });
    const answer = await ask();
    expect([answer.statusCode, answer.headers['content-type'], await text(answer)]).toEqual([200, 'application/octet-stream', '']);
  });

  it.each([
    ['that is not JSON', ['nonsense\0\0\0\0\0\0\0\0body']],
    ['that is no object', ['[1]\0\0\0\0\0\0\0\0body']],
    ['of an impossible status', ['{"statusCode":99}\0\0\0\0\0\0\0\0body']],
    ['with a header that HTTP has not', ['{"headers":{"a b":"c"}}\0\0\0\0\0\0\0\0body']],
    ['without its end', ['{"statusCode":200}']],
    ['over 64 KiB', Array.from({ length: 70 }, () => ' '.repeat(1_024))],
  ])('answers 502 for a prelude %s', async (_what, pieces) => {
    streams({ contentType: integrationType, pieces: () => each(...pieces) });
    const answer = await ask();
    expect([answer.statusCode, await text(answer)]).toEqual([502, 'Internal Server Error']);
  });

  it.each([
    ['502 for a failure', { failed: 'error' }, 502],
    ['504 for a time-out', { failed: 'timeout' }, 504],
    ['502 for a stream that failed before its first byte', { completion: { error: { code: 'Error', details: Buffer.from('{}') } } }, 502],
    [
      '504 for a stream that timed out before its first byte',
      { completion: { error: { code: 'Sandbox.Timedout', details: Buffer.from('{}') } } },
      504,
    ],
  ] as const)('answers %s', async (_what, how, status) => {
    streams({ pieces: () => each(), ...how });
    expect((await ask()).statusCode).toBe(status);
  });

  it('ends in the middle for a client when the function fails half way', async () => {
    streams({ contentType: 'text/plain', pieces: () => each('half'), completion: { error: { code: 'Error', details: Buffer.from('{}') } } });
    const answer = await ask();
    await expect(text(answer)).rejects.toThrow('aborted');
    expect(answer.complete).toBe(false);
  });

  it('leaves the rest of the stream when the client goes away', async () => {
    const goOn = Promise.withResolvers<void>();
    const how = streams({
      contentType: 'text/plain',
      pieces: async function* () {
        yield Buffer.from('first');
        await goOn.promise;
        for (;;) yield Buffer.alloc(1_024);
      },
    });
    const answer = await ask();
    answer.on('error', () => {});
    answer.destroy();
    goOn.resolve();
    expect(await how).toBe('left');
  });

  it('reads the stream no faster than its client', async () => {
    let made = 0;
    const how = streams({
      contentType: 'text/plain',
      pieces: async function* () {
        for (; made < 1_024; made += 1) yield Buffer.alloc(65_536);
      },
    });
    const answer = await ask();
    let before = -1;
    while (before !== made) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(made).toBeLessThan(512);
    let read = 0;
    for await (const piece of answer) read += (piece as Buffer).length;
    expect([read, await how]).toEqual([1_024 * 65_536, 'read']);
  });
});
