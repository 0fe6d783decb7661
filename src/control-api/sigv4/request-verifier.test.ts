import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlApiFixture, RequestToSign, SignedTestRequest, SigningOptions } from '../../../test/support/control-api-fixture.ts';
import { createTestFunction, openControlApiFixture, signForInject } from '../../../test/support/control-api-fixture.ts';

const invocation: RequestToSign = {
  method: 'POST',
  path: '/2015-03-31/functions/hello/invocations',
  query: { Qualifier: '$LATEST' },
  headers: { 'x-amz-log-type': 'Tail', 'content-type': 'application/json' },
  body: '{"a":1}',
};
const mismatch = 'InvalidSignatureException';

describe('RequestVerifier', () => {
  let fixture: ControlApiFixture;
  beforeAll(async () => {
    fixture = await openControlApiFixture();
    expect((await createTestFunction(fixture, 'hello')).statusCode).toBe(201);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const sign = (request: RequestToSign = invocation, options: Partial<SigningOptions> = {}) =>
    signForInject(request, { key: fixture.operator, now: fixture.now, ...options });
  const send = async (request: SignedTestRequest) => {
    const response = await fixture.app.inject(request);
    return {
      status: response.statusCode,
      type: response.headers['x-amzn-errortype'],
      message: response.body,
      id: response.headers['x-amzn-requestid'],
    };
  };

  it('lets a request pass that AWS’s signer signed', async () => {
    expect(await send(await sign())).toMatchObject({ status: 200, message: '{"a":1}' });
  });

  it('lets a presigned request pass until it expires', async () => {
    const url: RequestToSign = { method: 'GET', path: '/2015-03-31/functions/hello' };
    expect(await send(await sign(url, { expiresInSeconds: 60 }))).toMatchObject({ status: 200 });
    const old = await sign(url, { expiresInSeconds: 60, now: fixture.now - 61_000 });
    expect(await send(old)).toMatchObject({ status: 403, type: mismatch, message: expect.stringContaining('Signature expired') });
    const long = await sign(url, { expiresInSeconds: 3_600, now: fixture.now - 3_000_000 });
    expect(await send(long)).toMatchObject({ status: 200 });
  });

  it('refuses a presigned request whose life was lengthened', async () => {
    const request = await sign({ method: 'GET', path: '/2015-03-31/functions/hello' }, { expiresInSeconds: 60 });
    expect(await send({ ...request, url: request.url.replace('X-Amz-Expires=60', 'X-Amz-Expires=61') })).toMatchObject({
      status: 403,
      type: mismatch,
    });
  });

  const mutations: readonly (readonly [string, (request: SignedTestRequest) => SignedTestRequest])[] = [
    ['the method', (request) => ({ ...request, method: 'PUT' })],
    ['the path', (request) => ({ ...request, url: request.url.replace('hello', 'hellp') })],
    ['a query parameter', (request) => ({ ...request, url: request.url.replace('LATEST', 'LATESS') })],
    ['another query parameter', (request) => ({ ...request, url: `${request.url}&more=1` })],
    ['a signed header', (request) => ({ ...request, headers: { ...request.headers, 'x-amz-log-type': 'None' } })],
    ['the host', (request) => ({ ...request, headers: { ...request.headers, host: 'elsewhere:3001' } })],
    ['a signed header that is left out', ({ headers: { 'x-amz-log-type': _, ...headers }, ...request }) => ({ ...request, headers })],
    ['the body', (request) => ({ ...request, payload: '{"a":2}' })],
    ['the body’s declared hash', (request) => ({ ...request, headers: { ...request.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } })],
    ['one digit of the signature', (request) => withAuthorization(request, (text) => text.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')))],
    ['the date', (request) => ({ ...request, headers: { ...request.headers, 'x-amz-date': nextSecond(request.headers['x-amz-date'] ?? '') } })],
    ['the list of signed headers', (request) => withAuthorization(request, (text) => text.replace('content-type;', ''))],
  ];
  it.each(mutations)('refuses a request with %s changed', async (_, mutate) => {
    expect(await send(mutate(await sign()))).toMatchObject({ status: 403, type: mismatch, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  it('refuses an unsigned payload even when the header is signed', async () => {
    const headers = { ...invocation.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    expect(await send(await sign({ ...invocation, headers }))).toMatchObject({ status: 403, type: mismatch });
  });

  it('refuses a request without a signature', async () => {
    const { headers: _, ...request } = await sign();
    expect(await send({ ...request, headers: {} })).toMatchObject({ status: 403, type: 'MissingAuthenticationTokenException' });
  });

  it('refuses authorization headers that are not whole', async () => {
    for (const text of [
      'AWS4-HMAC-SHA256',
      'AWS4-HMAC-SHA256 Credential=x',
      'AWS4-HMAC-SHA256 x',
      'Bearer abc',
      'AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0',
    ]) {
      expect(await send(withAuthorization(await sign(), () => text))).toMatchObject({ status: 403, type: 'IncompleteSignatureException' });
    }
  });

  it('refuses a signature that does not cover the host', async () => {
    const changed = withAuthorization(await sign(), (text) => text.replace('host;', ''));
    expect(await send(changed)).toMatchObject({ status: 403, type: mismatch, message: expect.stringContaining("'Host'") });
  });

  it('refuses an unknown key, and a known key with another secret', async () => {
    const { accessKeyId, secretAccessKey } = fixture.operator;
    const unknown = await sign(invocation, { key: { accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey } });
    expect(await send(unknown)).toMatchObject({ status: 403, type: 'UnrecognizedClientException' });
    const wrong = await sign(invocation, { key: { accessKeyId, secretAccessKey: 'x'.repeat(40) } });
    expect(await send(wrong)).toMatchObject({ status: 403, type: mismatch });
  });

  it('refuses clocks more than five minutes off, either way', async () => {
    expect(await send(await sign(invocation, { now: fixture.now - 299_000 }))).toMatchObject({ status: 200 });
    expect(await send(await sign(invocation, { now: fixture.now + 299_000 }))).toMatchObject({ status: 200 });
    const early = await sign(invocation, { now: fixture.now - 302_000 });
    expect(await send(early)).toMatchObject({ status: 403, type: mismatch, message: expect.stringContaining('Signature expired') });
    const late = await sign(invocation, { now: fixture.now + 302_000 });
    expect(await send(late)).toMatchObject({ status: 403, type: mismatch, message: expect.stringContaining('Signature not yet current') });
  });

  it('refuses signatures for another region or service', async () => {
    expect(await send(await sign(invocation, { region: 'eu-west-1' }))).toMatchObject({ status: 403, type: mismatch });
    expect(await send(await sign(invocation, { service: 's3' }))).toMatchObject({ status: 403, type: mismatch });
    const admin: RequestToSign = { method: 'GET', path: '/_cloister/v1/status' };
    expect(await send(await sign(admin))).toMatchObject({ status: 403, type: mismatch });
    expect(await send(await sign(admin, { service: 'cloister' }))).toMatchObject({ status: 200 });
  });

  it('knows an environment’s credentials until it ends, and allows them nothing', async () => {
    const credential = fixture.sessions.issue('env-0123456789abcdef', '123456789012');
    const denied = { status: 403, type: 'AccessDeniedException' };
    expect(await send(await sign(invocation, { key: credential }))).toMatchObject({
      ...denied,
      message: expect.stringContaining(
        'arn:aws:sts::123456789012:assumed-role/cloister-environment/env-0123456789abcdef is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:123456789012:function:hello',
      ),
    });
    expect(await send(await sign({ method: 'GET', path: '/2015-03-31/functions' }, { key: credential }))).toMatchObject(denied);
    expect(await send(await sign({ method: 'GET', path: '/2018-10-31/layers' }, { key: credential }))).toMatchObject(denied);
    expect(await send(await sign({ method: 'GET', path: '/_cloister/v1/status' }, { key: credential, service: 'cloister' }))).toMatchObject(denied);

    const { sessionToken: _, ...tokenless } = credential;
    expect(await send(await sign(invocation, { key: tokenless }))).toMatchObject({ status: 403, type: 'UnrecognizedClientException' });
    const wrongToken = { ...credential, sessionToken: `${credential.sessionToken.slice(1)}A` };
    expect(await send(await sign(invocation, { key: wrongToken }))).toMatchObject({ status: 403, type: 'UnrecognizedClientException' });

    fixture.sessions.revoke('env-0123456789abcdef');
    expect(await send(await sign(invocation, { key: credential }))).toMatchObject({ status: 403, type: 'ExpiredTokenException' });
  });

  it('refuses a long-lived key that comes with a token', async () => {
    const { accessKeyId, secretAccessKey } = fixture.operator;
    const request = await sign(invocation, { key: { accessKeyId, secretAccessKey, sessionToken: 'anything' } });
    expect(await send(request)).toMatchObject({ status: 403, type: 'UnrecognizedClientException' });
  });

  it('never fails on what an Authorization header says, and never lets it pass', async () => {
    const odd = fc.oneof(fc.constantFrom('constructor', '__proto__', 'toString', 'host', 'x-amz-date', ''), fc.string());
    const signedHeaders = fc.array(odd, { maxLength: 4 }).map((names) => ['host', ...names].join(';'));
    const signature = fc.oneof(fc.constant('0'.repeat(64)), fc.string());
    const good = await sign();
    const scope = / Credential=([^,]*)/.exec(good.headers['authorization'] ?? '')?.[1] ?? '';
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.constant(scope), fc.string()), signedHeaders, signature, async (credential, headers, digits) => {
        const text = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${headers}, Signature=${digits}`;
        expect((await send(withAuthorization(good, () => text))).status).toBe(403);
      }),
      { numRuns: 500 },
    );
    expect(fixture.errors).toEqual([]);
  });

  it('does not mistake a parameter named __proto__ for an object’s prototype', async () => {
    const request = await sign({ method: 'GET', path: '/2015-03-31/functions', query: JSON.parse('{"__proto__":"x","MaxItems":"1"}') });
    expect(await send(request)).toMatchObject({ status: 200 });
  });
});

function withAuthorization(request: SignedTestRequest, change: (text: string) => string): SignedTestRequest {
  return { ...request, headers: { ...request.headers, authorization: change(request.headers['authorization'] ?? '') } };
}

function nextSecond(longDate: string): string {
  return longDate.replace(/(\d)Z$/, (_, digit: string) => `${(Number(digit) + 1) % 10}Z`);
}
