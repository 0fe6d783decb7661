import { expect } from 'vitest';
import type { ConformanceCase } from '../harness/conformance.ts';
import { chunkBytes } from '../harness/raw-connection.ts';
import { docs, errorPath, errorTypeHeader, expectAccepted, expectRefused, initErrorPath, nextPath, responsePath } from './answers.ts';

const response = `${docs}, "Invocation response"`;
const error = `${docs}, "Invocation error"`;
const router = 'aws-lambda-rie rapi/router_test.go';
const security = 'aws-lambda-rie rapi/security_test.go';
const maxBytes = 6_291_556;
const foreignId = '00000000-0000-4000-8000-000000000000';

const causes = 'aws-lambda-rie rapi/handler/invocationerror_test.go';
const cause = '{"paths":[],"working_directory":"/","exceptions":[]}';

const errorsWithCause: readonly (readonly [what: string, sent: string, told: string])[] = [
  [
    'the error without it',
    `{"errorType":"foo","errorMessage":"bar","stackTrace":["a","b"],"errorCause":${cause},"more":1}`,
    '{"errorMessage":"bar","errorType":"foo","stackTrace":["a","b"]}',
  ],
  [
    'no stack trace where there is none',
    `{"errorMessage":"bar","errorType":"foo","errorCause":${cause}}`,
    '{"errorMessage":"bar","errorType":"foo"}',
  ],
  ['“Invalid error body” where it is no JSON', '{"foo":bar}', '"Invalid error body"'],
  ['“Invalid error body” where a member is of another type', '{"errorMessage":1}', '"Invalid error body"'],
];

const bodies: readonly (readonly [what: string, body: string])[] = [
  ['JSON', '{"statusCode":200,"body":"ok"}'],
  ['a JSON string', '"text"'],
  ['JSON with its white space', ' { "a" :\n1 } '],
  ['text that is no JSON', 'plain text'],
  ['characters beyond ASCII', '"Grüße ✓ 😀"'],
  ['null', 'null'],
];

/** POST /runtime/invocation/{id}/response: what is taken. */
export const responseCases: readonly ConformanceCase[] = [
  ...bodies.map(
    ([what, body]): ConformanceCase => ({
      rule: `a response is accepted with 202 and reaches the client as it is: ${what}`,
      source: response,
      reuse: true,
      run: async (stage) => {
        const { api, requestId, answer } = await stage.begin();
        expectAccepted(await api.ask({ path: responsePath(requestId), body }));
        expect(await answer).toMatchObject({ text: body, functionError: undefined });
      },
    }),
  ),
  {
    rule: 'a response may be empty',
    source: `${router} TestInvokeResponseAccepted`,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '' }));
      expect(await answer).toMatchObject({ text: '', functionError: undefined });
    },
  },
  {
    rule: 'a response may come in chunks without being a stream',
    source: response,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      expectAccepted(await api.ask({ path: responsePath(requestId), chunks: ['{"a"', ':', '1}'] }));
      expect((await answer).text).toBe('{"a":1}');
    },
  },
  {
    rule: 'a response may come in pieces, and the client gets it when it is whole',
    source: response,
    reuse: true,
    run: async (stage) => {
      const { api, runtime, requestId, answer } = await stage.begin();
      api.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nHost: x\r\nContent-`);
      for (const piece of ['Length: 5\r\n', '\r\n"a', 'b', 'c']) {
        await runtime.now();
        api.write(piece);
      }
      await runtime.now();
      expect([api.unread, await Promise.race([answer, 'nothing yet'])]).toEqual(['', 'nothing yet']);
      api.write('"');
      expectAccepted(await api.answer());
      expect((await answer).text).toBe('"abc"');
    },
  },
  {
    rule: 'the content type of a response is the function’s own affair',
    source: 'aws-lambda-rie rapi/handler/invocationresponse.go',
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      const headers = { 'Content-Type': 'application/vnd.something+odd' };
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '1', headers }));
      expect((await answer).text).toBe('1');
    },
  },
  {
    rule: 'the client is answered at once, before the runtime asks for more',
    source: 'AWS: Lambda execution environment lifecycle, "Invoke phase"',
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '1' }));
      expect((await answer).text).toBe('1');
    },
  },
  {
    rule: `a response of ${maxBytes} bytes is accepted`,
    source: 'aws-lambda-rie interop/model.go MaxPayloadSize; AWS: Lambda quotas',
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      api.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${maxBytes}\r\n\r\n`);
      api.write('x', maxBytes);
      expectAccepted(await api.answer());
      const { text, functionError } = await answer;
      expect([text.length, functionError]).toEqual([maxBytes, undefined]);
    },
  },
  {
    rule: `a response of ${maxBytes + 1} bytes is refused with 413, the client is told, and the runtime goes on`,
    source: 'aws-lambda-rie rapi/handler/invocationresponse_test.go TestResponseTooLarge',
    reuse: true,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.begin();
      api.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${maxBytes + 1}\r\n\r\n`);
      api.write('x', maxBytes + 1);
      const refused = await api.answer();
      expectRefused(refused, 413, 'RequestEntityTooLarge');
      expect(refused.json()['errorMessage']).toBe(`Exceeded maximum allowed payload size (${maxBytes} bytes).`);
      expect(await answer).toMatchObject({
        functionError: 'Unhandled',
        text: `{"errorMessage":"Response payload size exceeded maximum allowed payload size (${maxBytes} bytes).","errorType":"Function.ResponseSizeTooLarge"}`,
      });
      const again = await stage.beginNext({ runtime, api }, { n: 2 });
      expect(again.event.text).toBe('{"n":2}');
      expectAccepted(await api.ask({ path: responsePath(again.requestId), body: '2' }));
      expect((await again.answer).text).toBe('2');
    },
  },
  {
    rule: 'a chunked response over the limit is refused with 413, too',
    source: 'aws-lambda-rie rapi/handler/invocationresponse_test.go TestResponseTooLarge',
    reuse: true,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.begin();
      api.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      api.write(chunkBytes('x'.repeat(65_536)), 97);
      api.write('0\r\n\r\n');
      expectRefused(await api.answer(), 413, 'RequestEntityTooLarge');
      expect(await answer).toMatchObject({ functionError: 'Unhandled', value: { errorType: 'Function.ResponseSizeTooLarge' } });
      const again = await stage.beginNext({ runtime, api });
      expectAccepted(await api.ask({ path: responsePath(again.requestId), body: '2' }));
    },
  },
  {
    rule: 'a response whose end never comes is refused with 400 TruncatedHTTPRequest',
    source: 'aws-lambda-rie rapi/rendering/render_error.go RenderTruncatedHTTPRequestError',
    run: async (stage) => {
      const { api, requestId } = await stage.begin();
      api.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"cut":`);
      api.end();
      expectRefused(await api.answer(), 400, 'TruncatedHTTPRequest');
    },
  },
];

interface WrongId {
  readonly what: string;
  readonly id: (requestId: string) => string;
}

const wrongIds: readonly WrongId[] = [
  { what: 'another id', id: () => foreignId },
  { what: 'a word', id: () => 'XYZ' },
  { what: 'the id in capitals', id: (requestId) => requestId.toUpperCase() },
  { what: 'the id with a space', id: (requestId) => `${requestId}%20` },
  { what: 'a part of the id', id: (requestId) => requestId.slice(0, -1) },
  { what: 'the id twice', id: (requestId) => requestId + requestId },
];

const endpoints = [
  ['response', responsePath],
  ['error', errorPath],
] as const;

/** What responses and errors may not be. */
export const refusedReports: readonly ConformanceCase[] = [
  ...endpoints.flatMap(([kind, path]) =>
    wrongIds.map(
      ({ what, id }): ConformanceCase => ({
        rule: `the ${kind} to ${what} is refused with 400 InvalidRequestID, and changes nothing`,
        source: kind === 'response' ? `${security} TestSecurityInvokeResponseBadRequestId` : `${security} TestSecurityInvokeErrorBadRequestId`,
        reuse: true,
        run: async (stage) => {
          const { api, requestId, answer } = await stage.begin();
          expectRefused(await api.ask({ path: path(id(requestId)), body: '"wrong"' }), 400, 'InvalidRequestID');
          expectAccepted(await api.ask({ path: responsePath(requestId), body: '"right"' }));
          expect(await answer).toMatchObject({ text: '"right"', functionError: undefined });
        },
      }),
    ),
  ),
  ...endpoints.flatMap(([first, firstPath]) =>
    endpoints.map(
      ([second, secondPath]): ConformanceCase => ({
        rule: `a ${second} after a ${first} is refused with 403 InvalidStateTransition, and changes nothing`,
        source: `${router} TestInvoke${first === 'error' || second === 'error' ? 'Error' : ''}Response${first === second ? 'Twice' : 'After'}`,
        reuse: true,
        run: async (stage) => {
          const { runtime, api, requestId, answer } = await stage.begin();
          expectAccepted(await api.ask({ path: firstPath(requestId), body: '"first"' }));
          expectRefused(await api.ask({ path: secondPath(requestId), body: '"second"' }), 403, 'InvalidStateTransition');
          const again = await stage.beginNext({ runtime, api });
          expect(await answer).toMatchObject({ text: '"first"', functionError: first === 'error' ? 'Unhandled' : undefined });
          expectAccepted(await api.ask({ path: responsePath(again.requestId), body: '1' }));
        },
      }),
    ),
  ),
  ...endpoints.map(
    ([kind, path]): ConformanceCase => ({
      rule: `a ${kind} before any next is refused with 400 InvalidRequestID`,
      source: 'aws-lambda-rie rapi/middleware/middleware.go AwsRequestIDValidator',
      run: async (stage) => {
        const answer = stage.invoke();
        const runtime = await stage.process();
        const api = await runtime.connect();
        expectRefused(await api.ask({ path: path(foreignId), body: '1' }), 400, 'InvalidRequestID');
        const event = await api.ask(nextPath);
        expectAccepted(await api.ask({ path: responsePath(event.header('lambda-runtime-aws-request-id') ?? ''), body: '"mine"' }));
        expect((await answer).text).toBe('"mine"');
      },
    }),
  ),
  ...endpoints.map(
    ([kind, path]): ConformanceCase => ({
      rule: `a ${kind} to the invocation before is refused with 400 InvalidRequestID`,
      source: 'aws-lambda-rie rapi/middleware/middleware.go AwsRequestIDValidator',
      reuse: true,
      run: async (stage) => {
        const first = await stage.begin({ n: 1 });
        expectAccepted(await first.api.ask({ path: responsePath(first.requestId), body: '1' }));
        const second = await stage.beginNext(first, { n: 2 });
        expectRefused(await first.api.ask({ path: path(first.requestId), body: '"late"' }), 400, 'InvalidRequestID');
        expectAccepted(await first.api.ask({ path: responsePath(second.requestId), body: '2' }));
        expect([(await first.answer).text, (await second.answer).text]).toEqual(['1', '2']);
      },
    }),
  ),
  {
    rule: 'of two responses at once the first one counts, and the other is refused with 403',
    source: `${router} TestInvokeResponseTwice`,
    reuse: true,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.begin();
      api.write(`POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"`);
      const other = await runtime.connect();
      // The daemon reads in the order of what arrives, one connection after the other.
      expect((await other.ask('elsewhere')).status).toBe(404);
      expectRefused(await other.ask({ path: responsePath(requestId), body: '"b"' }), 403, 'InvalidStateTransition');
      api.write('a"');
      expectAccepted(await api.answer());
      expect((await answer).text).toBe('"a"');
    },
  },
  {
    rule: 'an init error after next is refused with 403 InvalidStateTransition',
    source: `${router} TestInitErrorForbidden; core/states_test.go TestRuntimeInitErrorAfterReady`,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      expectRefused(await api.ask({ path: initErrorPath, body: '{}' }), 403, 'InvalidStateTransition');
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '1' }));
      expect((await answer).text).toBe('1');
    },
  },
  {
    rule: 'every refusal is JSON, whatever the request accepts',
    source: `${router} TestAcceptXML`,
    reuse: true,
    run: async (stage) => {
      const { api, requestId } = await stage.begin();
      const headers = { Accept: 'application/xml' };
      expectRefused(await api.ask({ path: errorPath('x-y-z'), body: '', headers }), 400, 'InvalidRequestID');
      expectAccepted(await api.ask({ path: responsePath(requestId), body: '1', headers }));
    },
  },
];

const errorBodies: readonly (readonly [what: string, body: string])[] = [
  ['in AWS’s form', '{"errorType":"Own","errorMessage":"m","stackTrace":[]}'],
  ['with other members', '{ "errorMessage" : "m", "x" : 1 }'],
  ['that is no JSON', 'broken'],
  ['that is empty', ''],
];

/** POST /runtime/invocation/{id}/error. */
export const errorCases: readonly ConformanceCase[] = [
  ...errorBodies.map(
    ([what, body]): ConformanceCase => ({
      rule: `an error is accepted with 202 and reaches the client as an unhandled one, its body as it is: ${what}`,
      source: `${error}; ${router} TestInvokeErrorResponseAccepted`,
      reuse: true,
      run: async (stage) => {
        const { api, requestId, answer } = await stage.begin();
        expectAccepted(await api.ask({ path: errorPath(requestId), body, headers: { [errorTypeHeader]: 'Function.Own' } }));
        expect(await answer).toMatchObject({ text: body, functionError: 'Unhandled' });
      },
    }),
  ),
  ...[undefined, 'Function.Own', 'Runtime.Own', 'Own', 'Function.', '', 'no.such.Thing'].map(
    (type): ConformanceCase => ({
      rule: `an error is accepted with ${type === undefined ? 'no type' : `the type "${type}"`}`,
      source: 'aws-lambda-rie fatalerror/fatalerror_test.go; rapi/handler/invocationerror_test.go TestInvocationErrorHandler',
      reuse: true,
      run: async (stage) => {
        const { api, requestId, answer } = await stage.begin();
        const headers: Record<string, string> = type === undefined ? {} : { [errorTypeHeader]: type };
        expectAccepted(await api.ask({ path: errorPath(requestId), body: '{"errorMessage":"m"}', headers }));
        expect(await answer).toMatchObject({ text: '{"errorMessage":"m"}', functionError: 'Unhandled' });
      },
    }),
  ),
  ...errorsWithCause.map(
    ([what, sent, told]): ConformanceCase => ({
      rule: `of an error with a cause for X-Ray the client gets ${what}`,
      source: `${causes} TestInvocationErrorHandlerRemovesErrorCauseFromResponse, TestInvocationResponsePayloadIsDefaultErrorMessage…`,
      reuse: true,
      run: async (stage) => {
        const { api, requestId, answer } = await stage.begin();
        const headers = { 'Content-Type': 'application/vnd.aws.lambda.error.cause+json' };
        expectAccepted(await api.ask({ path: errorPath(requestId), body: sent, headers }));
        expect(await answer).toMatchObject({ text: told, functionError: 'Unhandled' });
      },
    }),
  ),
  ...['{"paths":[],"working_directory":"/foo","exceptions":[]}', '{invalid:json}', '', `{"working_directory":"${'a'.repeat(12_000)}"}`].map(
    (cause): ConformanceCase => ({
      rule: `an X-Ray cause in a header changes nothing for the client: ${cause.slice(0, 40)}`,
      source: `${causes} TestInvocationErrorHandlerSends…WhenXRayErrorCause…`,
      reuse: true,
      run: async (stage) => {
        const { api, requestId, answer } = await stage.begin();
        expectAccepted(
          await api.ask({ path: errorPath(requestId), body: '{"a":1}', headers: { 'Lambda-Runtime-Function-XRay-Error-Cause': cause } }),
        );
        expect(await answer).toMatchObject({ text: '{"a":1}', functionError: 'Unhandled' });
      },
    }),
  ),
  {
    rule: 'an error does not end the process: the next event is its own',
    source: 'AWS: Lambda execution environment lifecycle, "Failures during the invoke phase"',
    reuse: true,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.begin();
      expectAccepted(await api.ask({ path: errorPath(requestId), body: '{}' }));
      const again = await stage.beginNext({ runtime, api }, { n: 2 });
      expect([again.event.text, runtime.isGone]).toEqual(['{"n":2}', false]);
      expectAccepted(await api.ask({ path: responsePath(again.requestId), body: '2' }));
      expect([(await answer).functionError, (await again.answer).functionError]).toEqual(['Unhandled', undefined]);
    },
  },
  {
    rule: 'an error body over the limit is refused with 413',
    source: 'aws-lambda-rie interop/model.go MaxPayloadSize',
    reuse: true,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.begin();
      api.write(`POST /2018-06-01/${errorPath(requestId)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${maxBytes + 1}\r\n\r\n`);
      api.write('x', maxBytes + 1);
      expectRefused(await api.answer(), 413, 'RequestEntityTooLarge');
      expect((await answer).functionError).toBe('Unhandled');
      const again = await stage.beginNext({ runtime, api });
      expectAccepted(await api.ask({ path: responsePath(again.requestId), body: '2' }));
    },
  },
];
