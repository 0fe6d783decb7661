import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { ConformanceCase } from '../harness/conformance.ts';
import type { RawConnection } from '../harness/raw-connection.ts';
import { docs, expectAccepted, nextPath, responsePath } from './answers.ts';

const next = `${docs}, "Next invocation"`;
const rie = 'aws-lambda-rie';

async function respond(api: RawConnection, requestId: string, body = '"done"'): Promise<void> {
  expectAccepted(await api.ask({ path: responsePath(requestId), body }));
}

/** GET /runtime/invocation/next. */
export const nextCases: readonly ConformanceCase[] = [
  {
    rule: 'next answers 200 with the event as its body',
    source: next,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId, answer } = await stage.begin({ order: 1, word: 'Grüße ✓' });
      expect(event.statusLine).toBe('HTTP/1.1 200 OK');
      expect(event.text).toBe('{"order":1,"word":"Grüße ✓"}');
      await respond(api, requestId);
      expect((await answer).value).toBe('done');
    },
  },
  {
    rule: 'the event is handed on byte for byte as the client wrote it',
    source: next,
    reuse: true,
    run: async (stage) => {
      const Payload = ' { "a" : 1.0,\t"b":"\\u00fc", "b": 2 }\n';
      const { api, event, requestId } = await stage.begin(undefined, { Payload });
      expect(event.text).toBe(Payload);
      await respond(api, requestId);
    },
  },
  {
    rule: 'an event carries exactly request id, deadline, ARN, trace id and content type',
    source: next,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId, answer } = await stage.begin();
      const names = event.headers.map(([name]) => name).filter((name) => !/^(content-length|connection|keep-alive)$/i.test(name));
      expect(names.toSorted()).toEqual([
        'Content-Type',
        'Lambda-Runtime-Aws-Request-Id',
        'Lambda-Runtime-Deadline-Ms',
        'Lambda-Runtime-Invoked-Function-Arn',
        'Lambda-Runtime-Trace-Id',
      ]);
      await respond(api, requestId);
      await answer;
    },
  },
  {
    rule: 'the trace id is an X-Ray tracing header',
    source: `${next}; AWS X-Ray: Tracing header`,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId } = await stage.begin();
      expect(event.header('lambda-runtime-trace-id')).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]/);
      await respond(api, requestId);
    },
  },
  {
    rule: 'the content type of an event is application/json',
    source: `${rie} rapi/rendering/rendering.go renderInvokeHeaders`,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId } = await stage.begin();
      expect(event.header('content-type')).toBe('application/json');
      await respond(api, requestId);
    },
  },
  {
    rule: 'the request id is the one that the client is answered',
    source: next,
    reuse: true,
    run: async (stage) => {
      const { api, requestId, answer } = await stage.begin();
      await respond(api, requestId);
      expect((await answer).requestId).toBe(requestId);
      expect(requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    },
  },
  {
    rule: 'the deadline is the time-out after now, in milliseconds since the epoch',
    source: next,
    reuse: true,
    function: { timeoutSeconds: 7 },
    run: async (stage) => {
      const beforeMs = Date.now();
      const { api, event, requestId } = await stage.begin();
      const deadline = event.header('lambda-runtime-deadline-ms') ?? '';
      expect(deadline).toMatch(/^\d{13}$/);
      expect(Number(deadline)).toBeGreaterThanOrEqual(beforeMs + 7_000);
      expect(Number(deadline)).toBeLessThanOrEqual(Date.now() + 7_000);
      await respond(api, requestId);
    },
  },
  {
    rule: 'the ARN is the one that was invoked',
    source: next,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId } = await stage.begin();
      expect(event.header('lambda-runtime-invoked-function-arn')).toBe(`arn:aws:lambda:us-east-1:123456789012:function:${stage.functionName}`);
      await respond(api, requestId);
    },
  },
  {
    rule: 'the ARN has the qualifier by which the function was invoked',
    source: next,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId } = await stage.begin({}, { Qualifier: '$LATEST' });
      expect(event.header('lambda-runtime-invoked-function-arn')).toMatch(/:function:case-\d+:\$LATEST$/);
      await respond(api, requestId);
    },
  },
  {
    rule: 'the client context is handed on as a header',
    source: next,
    reuse: true,
    run: async (stage) => {
      const context = '{"client":{"app_title":"t"},"custom":{"a":"b"},"env":{"locale":"de"}}';
      const { api, event, requestId } = await stage.begin({}, { ClientContext: Buffer.from(context).toString('base64') });
      expect(event.header('lambda-runtime-client-context')).toBe(context);
      await respond(api, requestId);
    },
  },
  {
    rule: 'what is beyond ASCII in the client context comes escaped, so that it is one header line',
    source: next,
    reuse: true,
    run: async (stage) => {
      const context = { custom: { word: 'Grüße', smile: '😀', line: 'a\nb' } };
      const { api, event, requestId } = await stage.begin({}, { ClientContext: Buffer.from(JSON.stringify(context)).toString('base64') });
      const header = event.header('lambda-runtime-client-context') ?? '';
      expect(header).toMatch(/^[\x20-\x7e]+$/);
      expect(JSON.parse(header)).toEqual(context);
      await respond(api, requestId);
    },
  },
  {
    rule: 'what an invocation does not have has no header',
    source: `${rie} rapi/handler/invocationnext_test.go TestRenderInvokeEmptyHeaders`,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId } = await stage.begin();
      for (const name of ['Client-Context', 'Cognito-Identity', 'Aws-Tenant-Id', 'Function-Error-Type', 'Function-Response-Mode']) {
        expect(event.header(`Lambda-Runtime-${name}`)).toBeUndefined();
      }
      await respond(api, requestId);
    },
  },
  {
    rule: 'next asked twice gives the same event',
    source: `${rie} rapi/router_test.go TestInvokeNextTwice`,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId } = await stage.begin({ n: 1 });
      const again = await api.ask(nextPath);
      expect([again.status, again.text, again.headers]).toEqual([200, event.text, event.headers]);
      await respond(api, requestId);
    },
  },
  {
    rule: 'next asked twice on another connection gives the same event, deadline and all',
    source: `${rie} rapi/router_test.go TestInvokeNextTwice`,
    reuse: true,
    run: async (stage) => {
      const { runtime, api, event, requestId } = await stage.begin({ n: 2 });
      const again = await (await runtime.connect()).ask(nextPath);
      expect([again.status, again.text, again.headers]).toEqual([200, event.text, event.headers]);
      await respond(api, requestId);
    },
  },
  {
    rule: 'next waits until there is an event',
    source: next,
    reuse: true,
    run: async (stage) => {
      const first = await stage.begin();
      await respond(first.api, first.requestId);
      await first.answer;
      const other = await first.runtime.connect();
      other.send({ path: nextPath });
      await stage.untilFree(first.runtime);
      await delay(300);
      expect([other.unread, other.ending]).toEqual(['', undefined]);
      const second = stage.invoke({ n: 2 });
      const event = await other.answer();
      expect(event.text).toBe('{"n":2}');
      await respond(other, event.header('lambda-runtime-aws-request-id') ?? '');
      await second;
    },
  },
  {
    rule: 'one connection serves many invocations',
    source: `${rie} rapi/router_test.go TestMoreThanOneInvoke`,
    reuse: true,
    run: async (stage) => {
      let begun = await stage.begin({ n: 0 });
      for (let n = 1; n <= 20; n += 1) {
        await respond(begun.api, begun.requestId, String(n));
        expect((await begun.answer).text).toBe(String(n));
        begun = await stage.beginNext(begun, { n });
        expect(begun.event.text).toBe(`{"n":${n}}`);
      }
      await respond(begun.api, begun.requestId);
    },
  },
  {
    rule: 'a request may come on a connection of its own each',
    source: docs,
    reuse: true,
    run: async (stage) => {
      const { runtime, requestId, answer } = await stage.begin({ n: 0 });
      await respond(await runtime.connect(), requestId, '"a"');
      expect((await answer).text).toBe('"a"');
      const begun = await stage.beginNext({ runtime, api: await runtime.connect() });
      await respond(await runtime.connect(), begun.requestId, '"b"');
      expect((await begun.answer).text).toBe('"b"');
    },
  },
  {
    rule: 'a next that was given up takes no event with it',
    source: next,
    run: async (stage) => {
      const client = stage.invoke({ n: 1 });
      const runtime = await stage.process();
      const first = await runtime.connect();
      first.send({ path: nextPath });
      const event = await first.answer();
      await respond(first, event.header('lambda-runtime-aws-request-id') ?? '');
      await client;
      const [abandoned, kept] = [await runtime.connect(), await runtime.connect()];
      abandoned.write('GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n');
      kept.send({ path: nextPath });
      abandoned.reset();
      await stage.untilFree(runtime);
      const second = stage.invoke({ n: 2 });
      const given = await kept.answer();
      expect(given.text).toBe('{"n":2}');
      await respond(kept, given.header('lambda-runtime-aws-request-id') ?? '');
      await second;
    },
  },
  {
    rule: 'an event of 6 MiB arrives whole',
    source: 'AWS: Lambda quotas, "Invocation payload"',
    reuse: true,
    run: async (stage) => {
      const text = `"${'x'.repeat(6_291_454)}"`;
      const { api, event, requestId } = await stage.begin(undefined, { Payload: text });
      expect([event.body.length, event.header('content-length'), event.text === text]).toEqual([text.length, String(text.length), true]);
      await respond(api, requestId);
    },
  },
  {
    rule: 'an invocation without a payload has an empty object as its event',
    source: 'AWS: Invoke, "Payload"',
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId } = await stage.begin(undefined, { Payload: new Uint8Array() });
      expect(event.text).toBe('{}');
      await respond(api, requestId);
    },
  },
  {
    rule: 'a query on next is overlooked',
    source: `${rie} rapi/router.go (routes match paths)`,
    reuse: true,
    run: async (stage) => {
      const { api, event, requestId } = await stage.begin({ n: 3 });
      const again = await api.ask(`${nextPath}?n=1`);
      expect([again.status, again.text]).toEqual([200, event.text]);
      await respond(api, requestId);
    },
  },
  {
    rule: 'two invocations at once go to two environments, which do not know each other’s requests',
    source: 'AWS: Understanding Lambda function scaling, "one request at a time"',
    run: async (stage) => {
      const one = await stage.begin({ n: 1 });
      const two = await stage.begin({ n: 2 });
      expect(two.runtime.environmentId).not.toBe(one.runtime.environmentId);
      expect([one.event.text, two.event.text]).toEqual(['{"n":1}', '{"n":2}']);
      for (const [here, there] of [
        [one, two],
        [two, one],
      ] as const) {
        const refused = await here.api.ask({ path: responsePath(there.requestId), body: '"stolen"' });
        expect([refused.status, refused.json()['errorType']]).toEqual([400, 'InvalidRequestID']);
      }
      await respond(one.api, one.requestId, '"one"');
      await respond(two.api, two.requestId, '"two"');
      expect([(await one.answer).text, (await two.answer).text]).toEqual(['"one"', '"two"']);
    },
  },
  {
    rule: 'a response and the next request may be sent at once, and are answered in their order',
    source: 'RFC 9112, 9.3.2 Pipelining',
    reuse: true,
    run: async (stage) => {
      const { runtime, api, requestId, answer } = await stage.begin({ n: 1 });
      const response = `POST /2018-06-01/${responsePath(requestId)} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"a"`;
      api.write(`${response}GET /2018-06-01/${nextPath} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expectAccepted(await api.answer());
      expect((await answer).text).toBe('"a"');
      await stage.untilFree(runtime);
      const client = stage.invoke({ n: 2 });
      const event = await api.answer();
      expect(event.text).toBe('{"n":2}');
      await respond(api, event.header('lambda-runtime-aws-request-id') ?? '');
      await client;
    },
  },
];
