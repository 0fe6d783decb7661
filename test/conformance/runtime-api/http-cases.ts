import { expect } from 'vitest';
import type { ConformanceCase } from '../harness/conformance.ts';
import type { RawRequest } from '../harness/raw-connection.ts';
import { docs, errorPath, expectAccepted, initErrorPath, nextPath, responsePath } from './answers.ts';

const router = 'aws-lambda-rie rapi/router_test.go';

const unknownPaths: readonly RawRequest[] = [
  { path: '/' },
  { path: '/2018-06-01' },
  { path: '/2018-06-01/' },
  { path: 'runtime/unsupported', body: '' },
  { path: 'runtime/invocation' },
  { path: 'runtime/invocation/next/' },
  { path: 'runtime//invocation/next' },
  { path: 'Runtime/Invocation/Next' },
  { path: '/2018-06-02/runtime/invocation/next' },
  { path: '/runtime/invocation/next' },
  { path: 'runtime/invocation//response', body: '' },
  { path: 'runtime/invocation/a/b/response', body: '' },
  { path: 'runtime/invocation/a/responses', body: '' },
  { path: 'runtime/init', body: '' },
  { path: 'runtime/init/errors', body: '' },
  { path: '/2018-06-01/../2018-06-01/runtime/invocation/next' },
  // Only a function that is restored from a snapshot has these (TestInitCachingAPIDisabledForPlainInit).
  { path: 'runtime/restore/next' },
  { path: 'runtime/restore/error', body: '' },
  { path: '/2021-04-23/credentials' },
];

const wrongMethods: readonly RawRequest[] = [
  ...(['POST', 'PUT', 'DELETE', 'PATCH'] as const).map((method) => ({ method, path: nextPath, body: '' })),
  ...(['GET', 'PUT', 'DELETE', 'PATCH'] as const).flatMap((method) =>
    [responsePath('ABC'), errorPath('ABC'), initErrorPath].map((path) => ({ method, path })),
  ),
];

/** What is no request of the Runtime API, and what HTTP itself asks for. All of it leaves the invocation as it was. */
export const httpCases: readonly ConformanceCase[] = [
  ...unknownPaths.map(
    (request): ConformanceCase => ({
      rule: `${request.body === undefined ? 'GET' : 'POST'} ${request.path} is answered 404`,
      source: `${router} Test404PageNotFound`,
      reuse: true,
      run: async (stage) => {
        const { api, requestId, answer } = await stage.begin();
        expect((await api.ask(request)).status).toBe(404);
        expectAccepted(await api.ask({ path: responsePath(requestId), body: '1' }));
        expect((await answer).text).toBe('1');
      },
    }),
  ),
  ...wrongMethods.map(
    (request): ConformanceCase => ({
      rule: `${request.method} ${request.path} is answered 405`,
      source: `${router} Test405MethodNotAllowed`,
      reuse: true,
      run: async (stage) => {
        const { api, requestId, answer } = await stage.begin();
        expect((await api.ask(request)).status).toBe(405);
        expectAccepted(await api.ask({ path: responsePath(requestId), body: '1' }));
        expect((await answer).text).toBe('1');
      },
    }),
  ),
  {
    rule: 'header names are read in any case',
    source: 'RFC 9110, 5.1 Field Names',
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      api.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nhOST: x\r\ncontent-LENGTH: 3\r\n\r\n"a"`);
      expectAccepted(await api.answer());
      expect((await answer).text).toBe('"a"');
    },
  },
  {
    rule: 'Expect: 100-continue is answered before the body comes',
    source: 'RFC 9110, 10.1.1 Expect (libcurl, and with it AWS’s native clients, sends it with large bodies)',
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      api.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
      expect((await api.answer()).status).toBe(100);
      api.write('"a"');
      expectAccepted(await api.answer());
      expect((await answer).text).toBe('"a"');
    },
  },
  {
    rule: 'a connection is closed when the request asks for it, after the answer',
    source: 'RFC 9112, 9.6 Tear-down',
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '1', headers: { Connection: 'close' } }));
      expect((await api.ended()).how).toBe('fin');
      expect((await answer).text).toBe('1');
    },
  },
  {
    rule: 'a connection is kept otherwise',
    source: docs,
    reuse: true,
    run: async (stage) => {
      const { api, requestId } = await stage.begin();
      for (let n = 0; n < 5; n += 1) expect((await api.ask('elsewhere')).header('connection')).not.toBe('close');
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '1' }));
      expect(api.ending).toBeUndefined();
    },
  },
  {
    rule: 'a half-closed connection is still answered',
    source: 'RFC 9112, 9.6 Tear-down',
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      api.send({ path: responsePath(requestId), body: '"a"' });
      api.end();
      expectAccepted(await api.answer());
      expect((await answer).text).toBe('"a"');
    },
  },
  {
    rule: 'HTTP/1.0 is served',
    source: 'RFC 9112, 2.3 HTTP Version',
    reuse: true,
    run: async (stage) => {
      const { runtime, requestId, answer } = await stage.begin();
      const old = await runtime.connect();
      old.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.0\r\nContent-Length: 3\r\n\r\n"a"`);
      expectAccepted(await old.answer());
      expect((await old.ended()).how).toBe('fin');
      expect((await answer).text).toBe('"a"');
    },
  },
  ...[
    ['HTTP/1.1 without Host', `GET /2018-06-01/${nextPath} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 400 /],
    ['what is no HTTP', 'NONSENSE\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a header line without a colon', 'GET / HTTP/1.1\r\nHost x\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'a length and chunks at once',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    ['a length that is no number', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: five\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a chunk size that is no number', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n\r\n', /^HTTP\/1\.1 (400|404) /],
    ['headers over 16 KiB', `GET / HTTP/1.1\r\nHost: x\r\nBig: ${'x'.repeat(17_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ].map(
    ([what, bytes, expected]): ConformanceCase => ({
      rule: `${what} is refused, and another connection goes on`,
      source: 'RFC 9112, 2.2 Message Parsing',
      reuse: true,
      run: async (stage) => {
        const { runtime, api, requestId, answer } = await stage.begin();
        const bad = await runtime.connect();
        bad.write(bytes as string);
        await bad.received(expected as RegExp);
        expectAccepted(await api.ask({ path: responsePath(requestId), body: '1' }));
        expect((await answer).text).toBe('1');
      },
    }),
  ),
];
