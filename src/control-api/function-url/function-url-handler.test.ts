import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ControlApiFixture } from '../../../test/support/control-api-fixture.ts';
import { callApi, createTestFunction, openControlApiFixture, signForInject } from '../../../test/support/control-api-fixture.ts';
import type { AccessKey } from '../stores/access-key-directory.ts';

const forbidden = {
  Message: 'Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html',
};
let fixture: ControlApiFixture;
let port: number;
let stranger: AccessKey;
const ids: Record<string, string> = {};

interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer | string;
}

beforeAll(async () => {
  fixture = await openControlApiFixture();
  port = Number(new URL(await fixture.app.listen({ host: '127.0.0.1', port: 0 })).port);
  stranger = await fixture.storage.accounts.createAccessKey('210987654321', 'ann');
  for (const name of ['open', 'closed', 'signed', 'cors', 'stream']) await createTestFunction(fixture, name);
  await createUrl('open', { AuthType: 'NONE' });
  await createUrl('closed', { AuthType: 'NONE' });
  await createUrl('signed', { AuthType: 'AWS_IAM' });
  await createUrl('stream', { AuthType: 'NONE', InvokeMode: 'RESPONSE_STREAM' });
  const Cors = { AllowOrigins: ['https://*.example.com'], AllowMethods: ['POST'], AllowCredentials: true, ExposeHeaders: ['x-a'], MaxAge: 5 };
  await createUrl('cors', { AuthType: 'NONE', Cors });
  for (const name of ['open', 'cors', 'stream']) await openToAll(name);
});
afterAll(() => fixture[Symbol.asyncDispose]());
beforeEach(() => {
  answerWith({ statusCode: 200, body: 'ok' });
  fixture.invoker.requests.length = 0;
});

async function createUrl(name: string, members: object) {
  const answer = await callApi(fixture, { method: 'POST', path: `/2021-10-31/functions/${name}/url`, body: JSON.stringify(members) });
  ids[name] = new URL(answer.json().FunctionUrl).pathname.split('/')[3] ?? '';
}
const allow = (name: string, members: object) =>
  callApi(fixture, { method: 'POST', path: `/2015-03-31/functions/${name}/policy`, body: JSON.stringify(members) });
async function openToAll(name: string) {
  await allow(name, { StatementId: 'url', Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: 'NONE' });
  await allow(name, { StatementId: 'invoke', Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true });
}
function answerWith(value: unknown, functionError?: 'Unhandled') {
  const payload = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  fixture.invoker.respond = async () => ({ payload, executedVersion: '$LATEST', ...(functionError === undefined ? {} : { functionError }) });
}
const event = () => JSON.parse(fixture.invoker.requests.at(-1)?.payload.toString() ?? 'null');
const hostOf = (name: string) => `${ids[name]}.lambda-url.us-east-1.localhost:${port}`;

/** As it is, without what fetch() would mend. */
function send(name: string, call: Call = {}): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer; json: unknown }> {
  const { method = 'GET', path = '/', headers = {}, body } = call;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port, method, path, headers: { host: hostOf(name), ...headers }, setHost: false }, async (response) => {
      const received = await buffer(response);
      const parsed = () => {
        try {
          return JSON.parse(received.toString());
        } catch {
          return undefined;
        }
      };
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: received, json: parsed() });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function sendSigned(key: AccessKey, more: { body?: string; method?: 'GET' | 'POST' } = {}) {
  const { method = 'GET', body } = more;
  const request = await signForInject(
    { method, path: '/private', headers: { host: hostOf('signed') }, ...(body === undefined ? {} : { body }) },
    { key, now: fixture.now },
  );
  return send('signed', { method, path: request.url, headers: request.headers, ...(body === undefined ? {} : { body }) });
}

describe('a function URL', () => {
  it('hands the request over in payload format 2.0', async () => {
    const answer = await send('open', {
      method: 'POST',
      path: '/pa2%Fth/1?q=a%20b&q=c&empty',
      headers: {
        'content-type': 'application/json',
        cookie: 'a=1; b=2',
        'X-Twice': ['one', 'two'],
        'user-agent': 'test',
        'x-forwarded-for': '10.0.0.1',
      },
      body: '{"ü":1}',
    });
    expect(answer).toMatchObject({ status: 200, body: Buffer.from('ok') });
    const host = hostOf('open');
    const { requestId, trace } = { requestId: answer.headers['x-amzn-requestid'], trace: answer.headers['x-amzn-trace-id'] };
    expect(event()).toEqual({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/pa2%Fth/1',
      rawQueryString: 'q=a%20b&q=c&empty',
      cookies: ['a=1', 'b=2'],
      headers: {
        'content-type': 'application/json',
        'content-length': expect.anything(),
        host,
        'user-agent': 'test',
        'x-twice': 'one,two',
        'x-forwarded-for': '10.0.0.1, 127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-port': String(port),
        'x-amzn-trace-id': trace,
      },
      queryStringParameters: { q: 'a b,c', empty: '' },
      requestContext: {
        accountId: 'anonymous',
        apiId: ids['open'],
        domainName: host.split(':')[0],
        domainPrefix: ids['open'],
        http: { method: 'POST', path: '/pa2%Fth/1', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
        requestId,
        routeKey: '$default',
        stage: '$default',
        time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
        timeEpoch: fixture.now,
      },
      body: '{"ü":1}',
      isBase64Encoded: false,
    });
    expect(fixture.invoker.requests.at(-1)).toMatchObject({ requestId, invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:open' });
  });

  it('is the same by path', async () => {
    const answer = await send('open', { path: `/_cloister/url/${ids['open']}/a/b?c=d`, headers: { host: `127.0.0.1:${port}` } });
    expect(answer.status).toBe(200);
    expect(event()).toMatchObject({ rawPath: '/a/b', rawQueryString: 'c=d', requestContext: { domainName: '127.0.0.1', domainPrefix: ids['open'] } });
    await send('open', { path: `/_cloister/url/${ids['open']}`, headers: { host: `127.0.0.1:${port}` } });
    expect(event()).toMatchObject({ rawPath: '/' });
  });

  it('passes bytes as base64, in both directions', async () => {
    const bytes = Buffer.from([0, 255, 1, 254]);
    answerWith({ statusCode: 200, headers: { 'Content-Type': 'image/png' }, body: bytes.toString('base64'), isBase64Encoded: true });
    const answer = await send('open', { method: 'PUT', headers: { 'content-type': 'image/png' }, body: bytes });
    expect(event()).toMatchObject({ body: bytes.toString('base64'), isBase64Encoded: true });
    expect(answer.body).toEqual(bytes);
    expect(answer.headers['content-type']).toBe('image/png');
    await send('open', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: bytes });
    expect(event().isBase64Encoded).toBe(true);
  });

  it.each([
    [{ hello: 'world' }, '{"hello":"world"}'],
    ['hello', 'hello'],
    [3.1, '3.1'],
    [true, 'true'],
    [null, 'null'],
    [['hello', 3], '["hello",3]'],
    [Buffer.from('not json'), 'not json'],
  ])('answers %o as the body of a 200', async (value, body) => {
    answerWith(value);
    const answer = await send('open');
    expect([answer.status, answer.headers['content-type'], answer.body.toString()]).toEqual([200, 'application/json', body]);
  });

  it('answers status, headers and cookies that the function chose', async () => {
    answerWith({ statusCode: 201, headers: { 'X-Number': 7, 'content-type': 'text/html' }, cookies: ['a=1; Secure', 'b=2'], body: '<p>' });
    const answer = await send('open');
    expect(answer).toMatchObject({ status: 201, body: Buffer.from('<p>') });
    expect(answer.headers).toMatchObject({ 'x-number': '7', 'content-type': 'text/html', 'set-cookie': ['a=1; Secure', 'b=2'] });
  });

  it('answers HEAD without a body, and every method', async () => {
    const head = await send('open', { method: 'HEAD' });
    expect([head.status, head.body.length, head.headers['content-length']]).toEqual([200, 0, '2']);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      expect((await send('open', { method })).status).toBe(200);
      expect(event().requestContext.http.method).toBe(method);
    }
  });

  it.each([
    { statusCode: 99 },
    { statusCode: 101 },
    { statusCode: 'many' },
    { statusCode: 200, headers: { 'x-a': 'b\r\nset-cookie: c=d' } },
    { statusCode: 200, headers: { 'x a': 'b' } },
    { statusCode: 200, headers: { 'x-a': { b: 1 } } },
    { statusCode: 200, headers: 'x' },
    { statusCode: 200, cookies: 'a=1' },
    { statusCode: 200, cookies: ['a=1\n'] },
    { statusCode: 200, body: '%%%', isBase64Encoded: true },
  ])('answers 502 for %o', async (value) => {
    answerWith(value);
    const answer = await send('open');
    expect([answer.status, answer.body.toString()]).toEqual([502, 'Internal Server Error']);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('lets no function speak for the connection or for us', async () => {
    const headers = { Connection: 'close', 'Transfer-Encoding': 'chunked', 'Content-Length': '1', 'x-amzn-RequestId': 'forged', date: 'never' };
    answerWith({ statusCode: 200, headers, body: 'whole body' });
    const answer = await send('open');
    expect(answer.body.toString()).toBe('whole body');
    expect(answer.headers['x-amzn-requestid']).toBe(fixture.invoker.requests.at(-1)?.requestId);
    expect(answer.headers).toMatchObject({
      'content-length': '10',
      'x-amzn-remapped-connection': 'close',
      'x-amzn-remapped-content-length': '1',
      'x-amzn-remapped-date': 'never',
      'x-amzn-remapped-transfer-encoding': 'chunked',
    });
    expect(answer.headers['transfer-encoding']).toBeUndefined();
  });

  it('never writes a head that a function made, whatever it returns', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ statusCode: fc.anything(), headers: fc.anything(), cookies: fc.anything(), body: fc.anything() }),
        async (value) => {
          try {
            answerWith(value);
          } catch {
            return;
          }
          const { status } = await send('open');
          expect(status).toBeGreaterThanOrEqual(200);
          expect(fixture.errors).toEqual([]);
        },
      ),
      { numRuns: 150, examples: [[{ statusCode: { toString: 1 }, headers: {}, cookies: [], body: '' }]] },
    );
  });

  it('answers 502 for a failure, 504 for a time-out, 429 when there is no room', async () => {
    answerWith({ errorType: 'Error', errorMessage: 'no' }, 'Unhandled');
    expect((await send('open')).status).toBe(502);
    const late = { errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out' };
    const payload = Buffer.from(JSON.stringify(late));
    fixture.invoker.respond = async () => ({ payload, executedVersion: '$LATEST', functionError: 'Unhandled', timedOut: true });
    expect((await send('open')).status).toBe(504);
    // A function that throws an error of that name took no longer than it may.
    answerWith(late, 'Unhandled');
    expect((await send('open')).status).toBe(502);
    const { CloisterError } = await import('../../errors.ts');
    fixture.invoker.respond = () => Promise.reject(new CloisterError('NoCapacity', 'full', { operation: 'invoke' }));
    const full = await send('open');
    expect([full.status, full.headers['x-amzn-errortype'], full.headers['retry-after']]).toEqual([429, 'TooManyRequestsException', '1']);
  });
});

describe('who may ask a function URL', () => {
  it('nobody, where no function is', async () => {
    const answer = await send('open', { headers: { host: `${'a'.repeat(32)}.lambda-url.us-east-1.localhost` } });
    expect([answer.status, answer.headers['x-amzn-errortype'], answer.body.toString()]).toEqual([403, 'AccessDeniedException', '{"Message":null}']);
  });

  it('nobody, without a policy that allows both actions to everybody', async () => {
    expect((await send('closed')).json).toEqual(forbidden);
    await allow('closed', { StatementId: 'url', Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: 'NONE' });
    expect((await send('closed')).status).toBe(403);
    await allow('closed', { StatementId: 'account', Action: 'lambda:InvokeFunction', Principal: '210987654321' });
    expect((await send('closed')).status).toBe(403);
    await allow('closed', { StatementId: 'all', Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true });
    expect((await send('closed')).status).toBe(200);
    await callApi(fixture, { method: 'DELETE', path: '/2015-03-31/functions/closed/policy/all' });
    expect((await send('closed')).status).toBe(403);
    expect(fixture.invoker.requests).toHaveLength(1);
  });

  it('the account itself, by a signature over the very body', async () => {
    expect((await send('signed')).json).toEqual(forbidden);
    expect((await sendSigned(fixture.operator, { method: 'POST', body: '{}' })).status).toBe(200);
    expect(event()).toMatchObject({
      requestContext: {
        accountId: '123456789012',
        authorizer: { iam: { accessKey: fixture.operator.accessKeyId, accountId: '123456789012', userArn: 'arn:aws:iam::123456789012:root' } },
      },
    });
    expect(event().headers['authorization']).toBeUndefined();
    const wrong = await sendSigned({ ...fixture.operator, secretAccessKey: 'x'.repeat(40) });
    expect([wrong.status, wrong.headers['x-amzn-errortype']]).toEqual([403, 'InvalidSignatureException']);
  });

  it('another account, when the policy allows it both actions', async () => {
    expect((await sendSigned(stranger)).json).toEqual(forbidden);
    const Principal = 'arn:aws:iam::210987654321:user/ann';
    await allow('signed', { StatementId: 'url', Action: 'lambda:InvokeFunctionUrl', Principal, FunctionUrlAuthType: 'AWS_IAM' });
    expect((await sendSigned(stranger)).status).toBe(403);
    await allow('signed', { StatementId: 'invoke', Action: 'lambda:InvokeFunction', Principal, InvokedViaFunctionUrl: true });
    expect((await sendSigned(stranger)).status).toBe(200);
    expect(event().requestContext.authorizer.iam).toMatchObject({ accountId: '210987654321', userArn: Principal });
    // What is allowed by the URL only is not allowed by the API.
    const path = `/2015-03-31/functions/${encodeURIComponent('arn:aws:lambda:us-east-1:123456789012:function:signed')}/invocations`;
    expect((await callApi(fixture, { method: 'POST', path, body: '{}' }, { key: stranger })).statusCode).toBe(403);
  });

  it('no execution environment', async () => {
    const session = fixture.sessions.issue('env-0000000000000000', '123456789012');
    expect((await sendSigned({ ...session, accountId: '123456789012', operator: false })).json).toEqual(forbidden);
  });

  it('nobody, once the URL or the function is gone', async () => {
    await createTestFunction(fixture, 'brief');
    await createUrl('brief', { AuthType: 'NONE' });
    await openToAll('brief');
    expect((await send('brief')).status).toBe(200);
    await callApi(fixture, { method: 'DELETE', path: '/2015-03-31/functions/brief' });
    expect((await send('brief')).body.toString()).toBe('{"Message":null}');
  });
});

describe('what a function URL takes', () => {
  it('is 6 MiB, and not one byte more', async () => {
    const most = await send('open', { method: 'POST', body: Buffer.alloc(6_291_456, 'x') });
    expect(most.status).toBe(200);
    const more = await send('open', { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: Buffer.alloc(6_291_457, 'x') });
    expect([more.status, more.headers['x-amzn-errortype']]).toEqual([413, 'RequestEntityTooLargeException']);
    expect(fixture.invoker.requests).toHaveLength(1);
  });

  it('is read from nobody who may not ask', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(`POST / HTTP/1.1\r\nhost: ${hostOf('signed')}\r\ncontent-length: 1000000\r\nconnection: close\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('cross-origin rules', () => {
  const preflight = (origin: string) =>
    send('cors', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-b' } });

  it('answer a pre-flight request without the function', async () => {
    const allowed = await preflight('https://www.example.com');
    expect(allowed.status).toBe(200);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': 'https://www.example.com',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'POST',
      'access-control-max-age': '5',
      vary: 'Origin',
    });
    const other = await preflight('https://example.org');
    expect(Object.keys(other.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect((await preflight('https://www.example.com.evil.org')).headers['access-control-allow-origin']).toBeUndefined();
    expect(fixture.invoker.requests).toEqual([]);
  });

  it('replace those of the function', async () => {
    answerWith({ statusCode: 200, headers: { 'Access-Control-Allow-Origin': '*' }, body: '' });
    const allowed = await send('cors', { method: 'POST', headers: { origin: 'https://www.example.com' } });
    expect(allowed.headers).toMatchObject({ 'access-control-allow-origin': 'https://www.example.com', 'access-control-expose-headers': 'x-a' });
    expect((await send('cors', { method: 'POST' })).headers['access-control-allow-origin']).toBeUndefined();
  });

  it('are the function’s own where the URL has none, or has them no more', async () => {
    answerWith({ statusCode: 204, headers: { 'Access-Control-Allow-Origin': '*' } });
    const answer = await send('open', { method: 'OPTIONS', headers: { origin: 'https://a.org', 'access-control-request-method': 'POST' } });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([204, '*']);
    await callApi(fixture, { method: 'PUT', path: '/2021-10-31/functions/cors/url', body: '{"Cors":{}}' });
    expect((await send('cors', { headers: { origin: 'https://www.example.com' } })).headers['access-control-allow-origin']).toBe('*');
  });
});

describe('the URL of an alias', () => {
  it('runs the alias’s version by the alias’s policy, and ends with the alias', async () => {
    const functionPath = '/2015-03-31/functions/aliased';
    await createTestFunction(fixture, 'aliased', { Publish: true });
    const missing = await callApi(fixture, {
      method: 'POST',
      path: '/2021-10-31/functions/aliased/url',
      query: { Qualifier: 'live' },
      body: '{"AuthType":"NONE"}',
    });
    expect([missing.statusCode, missing.json().Message]).toEqual([404, 'Function does not exist']);
    await callApi(fixture, { method: 'POST', path: `${functionPath}/aliases`, body: '{"Name":"live","FunctionVersion":"1"}' });
    await createUrl('aliased:live', { AuthType: 'NONE' });
    await openToAll('aliased');
    expect((await send('aliased:live')).status).toBe(403);
    await openToAll('aliased:live');
    expect((await send('aliased:live')).status).toBe(200);
    expect(fixture.invoker.requests.at(-1)).toMatchObject({
      function: { version: '1' },
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:aliased:live',
    });
    await callApi(fixture, { method: 'DELETE', path: `${functionPath}/aliases/live` });
    expect((await send('aliased:live')).status).toBe(403);
    await callApi(fixture, { method: 'POST', path: `${functionPath}/aliases`, body: '{"Name":"live","FunctionVersion":"1"}' });
    expect((await send('aliased:live')).body.toString()).toBe('{"Message":null}');
  });
});
