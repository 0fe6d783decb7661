import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { ConformanceCase } from '../harness/conformance.ts';
import { chunkBytes, type RawConnection } from '../harness/raw-connection.ts';
import { errorPath, errorTypeHeader, expectAccepted, expectRefused, nextPath, responsePath } from './answers.ts';

const custom = 'AWS: Building a custom runtime, "Implementing response streaming in a custom runtime"';
const direct = 'aws-lambda-rie core/directinvoke/directinvoke_test.go';
const streamingPage = 'AWS: Response streaming for Lambda functions';
const errorBodyHeader = 'Lambda-Runtime-Function-Error-Body';
const mebibyte = 1_048_576;

/** Begins a streamed response; chunks are written after it. */
function open(api: RawConnection, requestId: string, contentType = 'text/plain'): void {
  const headers = ['Host: x', `Content-Type: ${contentType}`, 'Lambda-Runtime-Function-Response-Mode: streaming', 'Transfer-Encoding: chunked'];
  api.write(
    `POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\n${headers.join('\r\n')}\r\nTrailer: ${errorTypeHeader}, ${errorBodyHeader}\r\n\r\n`,
  );
}

function close(api: RawConnection, error?: { readonly type: string; readonly body: string }): void {
  const trailers = error && `${errorTypeHeader}: ${error.type}\r\n${errorBodyHeader}: ${Buffer.from(error.body).toString('base64')}\r\n`;
  api.write(`0\r\n${trailers ?? ''}\r\n`);
}

/** How a response is streamed, from the runtime's socket to the client. */
export const streamCases: readonly ConformanceCase[] = [
  {
    rule: 'a streamed response reaches the client while the runtime is still writing it',
    source: custom,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.beginStream({});
      open(api, requestId);
      api.write(chunkBytes('first'));
      const stream = await answer;
      expect(await stream.next()).toBe('first');
      // Nothing more has been written, nor acknowledged.
      expect(api.unread).toBe('');
      api.write(chunkBytes('second'));
      expect(await stream.next()).toBe('second');
      close(api);
      expectAccepted(await api.answer());
      expect([await stream.next(), stream.complete]).toEqual([undefined, {}]);
    },
  },
  {
    rule: 'a streamed response is acknowledged with 202 when it is whole, and may be empty',
    source: custom,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.beginStream({});
      open(api, requestId);
      close(api);
      expectAccepted(await api.answer());
      const stream = await answer;
      expect([await stream.rest(), stream.complete]).toEqual(['', {}]);
    },
  },
  {
    rule: 'an error in the middle is told by trailers: the client gets what came before it, then its type and body',
    source: `${custom}; ${direct} TestSendStreamingInvokeResponseSuccessWithTrailers`,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.beginStream({});
      open(api, requestId);
      api.write(chunkBytes('half'));
      close(api, { type: 'Own.Type', body: '{"errorMessage":"broke"}' });
      expectAccepted(await api.answer());
      const stream = await answer;
      expect([await stream.rest(), stream.complete]).toEqual(['half', { ErrorCode: 'Own.Type', ErrorDetails: '{"errorMessage":"broke"}' }]);
    },
  },
  {
    rule: 'an error before the response is the body of the stream and an unhandled one',
    source: `${custom}; ${direct} TestSendStreamingInvokeErrorResponseSuccess`,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.beginStream({});
      expectAccepted(await api.ask({ path: errorPath(requestId), body: '{"errorMessage":"no"}', headers: { [errorTypeHeader]: 'Function.No' } }));
      const stream = await answer;
      const complete = { ErrorCode: 'Unhandled', ErrorDetails: '{"errorMessage":"no"}' };
      expect([await stream.rest(), stream.complete]).toEqual(['{"errorMessage":"no"}', complete]);
    },
  },
  {
    rule: 'an error report while a response is streamed is refused with 403, and the stream goes on',
    source: `${custom}: only before the runtime begins to send a response`,
    reuse: true,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.beginStream({});
      open(api, requestId);
      api.write(chunkBytes('a'));
      const stream = await answer;
      expect(await stream.next()).toBe('a');
      const other = await runtime.connect();
      expectRefused(await other.ask({ path: errorPath(requestId), body: '{}' }), 403, 'InvalidStateTransition');
      expectRefused(await other.ask({ path: responsePath(requestId), body: '{}' }), 403, 'InvalidStateTransition');
      api.write(chunkBytes('b'));
      close(api);
      expectAccepted(await api.answer());
      expect([await stream.rest(), stream.complete]).toEqual(['b', {}]);
    },
  },
  {
    rule: 'next waits for a streamed response that is still on its way',
    source: 'aws-lambda-ric for Node asks for its next event when it has written the trailers of a failed stream',
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.beginStream({ n: 1 });
      open(api, requestId);
      const other = await runtime.connect();
      other.send({ path: nextPath });
      api.write(chunkBytes('a'));
      const stream = await answer;
      expect(await stream.next()).toBe('a');
      close(api, { type: 'Error', body: '{}' });
      expectAccepted(await api.answer());
      await stream.rest();
      await stage.untilFree(runtime);
      const second = stage.invoke({ n: 2 });
      const event = await other.answer();
      expect(event.text).toBe('{"n":2}');
      expectAccepted(await other.ask({ path: responsePath(event.header('lambda-runtime-aws-request-id') ?? ''), body: '1' }));
      expect((await second).text).toBe('1');
    },
  },
  {
    rule: 'a streamed response whose end never comes is refused with 400 TruncatedHTTPRequest, told to the client, and has answered the event',
    source: `${direct} TestMapCopyDoneResultErrorToErrorType`,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.beginStream({});
      open(api, requestId);
      api.write(chunkBytes('half'));
      api.write('ff\r\nless');
      api.end();
      expectRefused(await api.answer(), 400, 'TruncatedHTTPRequest');
      const stream = await answer;
      expect([await stream.rest(), stream.complete?.ErrorCode]).toEqual(['halfless', 'Runtime.TruncatedResponse']);
      const other = await runtime.connect();
      expectRefused(await other.ask({ path: responsePath(requestId), body: '1' }), 403, 'InvalidStateTransition');
    },
  },
  ...['Streaming', 'buffered', 'chunked, streaming', ''].map(
    (mode): ConformanceCase => ({
      rule: `the response mode "${mode}" is ${mode === '' ? 'none' : 'refused with 400 InvalidFunctionResponseMode'}`,
      source: 'aws-lambda-rie rapi/handler/invocationresponse_test.go TestResponseWithDifferentFunctionResponseModes',
      reuse: true,
      run: async (stage) => {
        const { api, requestId, answer } = await stage.begin({});
        const told = await api.ask({ path: responsePath(requestId), body: '"a"', headers: { 'Lambda-Runtime-Function-Response-Mode': mode } });
        if (mode === '') {
          expectAccepted(told);
          expect((await answer).text).toBe('"a"');
          return;
        }
        expectRefused(told, 400, 'InvalidFunctionResponseMode');
        expectAccepted(await api.ask({ path: responsePath(requestId), body: '"b"' }));
        expect((await answer).text).toBe('"b"');
      },
    }),
  ),
  {
    rule: 'a response that is not streamed comes as one piece',
    source: `${streamingPage}: InvokeWithResponseStream of a function that does not stream`,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.beginStream({});
      expectAccepted(await api.ask({ path: responsePath(requestId), body: 'x'.repeat(200_000) }));
      const stream = await answer;
      expect([(await stream.next())?.length, await stream.next(), stream.complete]).toEqual([200_000, undefined, {}]);
    },
  },
  {
    rule: 'a streamed response to a caller who wants the whole is gathered',
    source: `${direct} TestSendPayloadLimitedResponseWithinThresholdWithStreamingFunction`,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin({});
      open(api, requestId);
      for (const piece of ['a', 'b', 'c']) api.write(chunkBytes(piece));
      close(api);
      expectAccepted(await api.answer());
      expect(await answer).toMatchObject({ text: 'abc', functionError: undefined });
    },
  },
  {
    rule: 'a streamed response over 6 MB to a caller who wants the whole is refused with 413',
    source: `${direct} TestSendPayloadLimitedResponseAboveThresholdWithStreamingFunction`,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin({});
      open(api, requestId);
      writeLarge(api, 6_291_557);
      expectRefused(await api.answer(), 413, 'RequestEntityTooLarge');
      expect(await answer).toMatchObject({ functionError: 'Unhandled', value: { errorType: 'Function.ResponseSizeTooLarge' } });
    },
  },
  {
    rule: 'a function that times out in the middle of its stream: the client has what came before and is told, the next invocation a new process',
    source: `${direct} TestSendStreamingInvokeResponse (reset); AWS: Lambda execution environment lifecycle`,
    function: { timeoutSeconds: 3 },
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.beginStream({}, { LogType: 'Tail' });
      open(api, requestId);
      api.write(chunkBytes('half'));
      const stream = await answer;
      expect(await stream.rest()).toBe('half');
      const { ErrorCode, ErrorDetails = '', LogResult = '' } = stream.complete ?? {};
      expect(ErrorCode).toBe('Sandbox.Timedout');
      expect(JSON.parse(ErrorDetails)).toEqual({
        errorType: 'Sandbox.Timedout',
        errorMessage: `RequestId: ${requestId} Error: Task timed out after 3.00 seconds`,
      });
      expect(Buffer.from(LogResult, 'base64').toString()).toMatch(/^REPORT .*\tStatus: timeout\t$/m);
      await runtime.ended();
      const again = await stage.begin({ n: 2 });
      expect([again.event.text, again.runtime.hello.generation]).toEqual(['{"n":2}', 2]);
      expectAccepted(await again.api.ask({ path: responsePath(again.requestId), body: '1' }));
    },
  },
  {
    rule: 'a runtime that ends in the middle of its stream: the client has what came before and is told',
    source: `${direct}; AWS: Lambda execution environment lifecycle, "Failures during the invoke phase"`,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.beginStream({});
      open(api, requestId);
      api.write(chunkBytes('half'));
      const stream = await answer;
      expect(await stream.next()).toBe('half');
      runtime.exit(3);
      expect(await stream.rest()).toBe('');
      // Its connection ends, or the host tells of its end, whichever comes first.
      expect(stream.complete?.ErrorCode).toMatch(/^Runtime\.(TruncatedResponse|ExitError)$/);
    },
  },
  {
    rule: 'a client that goes away does not end the invocation: the response is read to its end, and the runtime serves on',
    source: 'recorded: AWS Lambda runs a function on whose client has closed the stream',
    run: async (stage) => {
      const { api, requestId, answer, runtime } = await stage.beginStream({});
      open(api, requestId);
      api.write(chunkBytes('first'));
      const stream = await answer;
      expect(await stream.next()).toBe('first');
      stream.leave();
      for (let n = 0; n < 8; n += 1) {
        api.write(chunkBytes(Buffer.alloc(65_536, 'x')));
        await delay(5);
      }
      close(api);
      expectAccepted(await api.answer());
      const again = await stage.beginNext({ runtime, api }, { n: 2 });
      expect(again.event.text).toBe('{"n":2}');
      expectAccepted(await api.ask({ path: responsePath(again.requestId), body: '1' }));
    },
  },
  {
    rule: 'a client that does not read makes the runtime’s writes wait, and gets everything when it reads on',
    source: 'HTTP/1.1 over TCP: back-pressure from the client to the function',
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.beginStream({});
      open(api, requestId);
      const sizeBytes = 16 * mebibyte;
      writeLarge(api, sizeBytes);
      // Its first event is read to find out whether the stream has begun, and none after it.
      const stream = await answer;
      await delay(1_500);
      expect(await runtime.unsentBytes(api)).toBeGreaterThan(4 * mebibyte);
      expect((await stream.rest()).length).toBe(sizeBytes);
      expectAccepted(await api.answer());
      expect(await runtime.unsentBytes(api)).toBe(0);
    },
  },
  {
    rule: 'the first 6 MB of a stream come as fast as they can, the rest at 2 MB a second',
    source: `${streamingPage}, "Bandwidth limits for response streaming"`,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.beginStream({});
      open(api, requestId);
      const started = performance.now();
      const passedMs = (): number => performance.now() - started;
      writeLarge(api, 10 * mebibyte);
      const stream = await answer;
      let received = 0;
      while (received < 5 * mebibyte) received += (await stream.next())?.length ?? Number.POSITIVE_INFINITY;
      const firstMs = passedMs();
      expect(received + (await stream.rest()).length).toBe(10 * mebibyte);
      // 4 MiB at 2 MiB a second; what it took to make them counts too.
      expect(passedMs()).toBeGreaterThan(1_700);
      expect(firstMs).toBeLessThan(1_500);
      expectAccepted(await api.answer());
    },
  },
];

/** One chunk of so many bytes, and the end of the body. */
function writeLarge(api: RawConnection, sizeBytes: number): void {
  api.write(`${sizeBytes.toString(16)}\r\n`);
  api.write('x', sizeBytes);
  api.write('\r\n');
  close(api);
}
