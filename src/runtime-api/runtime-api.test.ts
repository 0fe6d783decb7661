import { closeSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectAndWrite } from '../../test/support/kernel-objects.ts';
import { RuntimeClient } from '../../test/support/runtime-client.ts';
import { type ServedRuntimeApi, serveRuntimeApi } from '../../test/support/served-runtime-api.ts';
import type { Clock } from '../environment/clock.ts';
import { maxBodyBytes } from './receive-body.ts';
import type { InvocationEvent } from './runtime-api-port.ts';

const event: InvocationEvent = {
  requestId: '8476a536-e9f4-11e8-9739-2dfe598c3fcd',
  payload: Buffer.from('{"key":"value"}'),
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:thumbnail',
  deadlineMs: 1_700_000_003_000,
};

const opened: { close(): void }[] = [];

async function serve(clock?: Clock): Promise<ServedRuntimeApi> {
  const served = await serveRuntimeApi(clock);
  opened.push(served.client, served.api);
  return served;
}

/** A runtime that has been handed `event`. */
async function serveRunning(handed: InvocationEvent = event): Promise<ServedRuntimeApi> {
  const served = await serve();
  served.port.onReady = () => served.api.deliver(handed);
  await served.client.next();
  served.port.onReady = () => {};
  return served;
}

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

describe('GET next', () => {
  it('gives the event with its headers and leaves out those that are empty', async () => {
    const { api, client, port } = await serve();
    port.onReady = () => api.deliver(event);
    const answer = await client.next();
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('{"key":"value"}');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': event.requestId,
      'lambda-runtime-deadline-ms': '1700000003000',
      'lambda-runtime-invoked-function-arn': event.invokedFunctionArn,
    });
    for (const name of ['trace-id', 'client-context', 'cognito-identity', 'aws-tenant-id']) {
      expect(answer.headers).not.toHaveProperty(`lambda-runtime-${name}`);
    }
  });

  it('carries a client context of any JSON text as one line of ASCII', async () => {
    const { api, client, port } = await serve();
    port.onReady = () => api.deliver({ ...event, traceId: 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700', clientContext: '{"name":\r\n"Zoë 🦊"}' });
    const { headers } = await client.next();
    expect(JSON.parse(String(headers['lambda-runtime-client-context']))).toEqual({ name: 'Zoë 🦊' });
    expect(headers['lambda-runtime-trace-id']).toBe('Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700');
  });

  it('names the tenant of an invocation that has one', async () => {
    const { api, client, port } = await serve();
    port.onReady = () => api.deliver({ ...event, tenantId: 'blue/1 @a:b' });
    expect((await client.next()).headers['lambda-runtime-aws-tenant-id']).toBe('blue/1 @a:b');
  });

  it('asked twice with no response in between gives the same event again', async () => {
    const { client, port } = await serveRunning();
    const again = await client.next();
    expect(again.headers['lambda-runtime-aws-request-id']).toBe(event.requestId);
    expect(again.body).toBe('{"key":"value"}');
    expect(port.calls).toEqual(['ready']);
  });

  it('asked on two connections gives both the event and tells of readiness once', async () => {
    const { api, client, port, tcpPort } = await serve();
    const other = new RuntimeClient(tcpPort);
    opened.push(other);
    const ready = new Promise<void>((resolve) => {
      port.onReady = resolve;
    });
    const first = client.next();
    await ready;
    const second = other.next();
    // A refused request behind it on the same connection would wait; one on a third connection shows that the second has been read.
    const probe = new RuntimeClient(tcpPort);
    opened.push(probe);
    await probe.send('GET', '/');
    api.deliver(event);
    expect((await first).body).toBe('{"key":"value"}');
    expect((await second).body).toBe('{"key":"value"}');
    expect(port.calls).toEqual(['ready']);
  });
});

describe('POST response', () => {
  it('is acknowledged with 202 and handed on unchanged', async () => {
    const { client, port } = await serveRunning();
    const bytes = Buffer.from([0, 255, 10, 13]);
    const answer = await client.respond(event.requestId, bytes);
    expect(answer).toMatchObject({ status: 202, body: '{"status":"OK"}\n' });
    expect(port.payloads).toEqual([bytes]);
  });

  it('for another request id is 400 InvalidRequestID', async () => {
    const { client, port } = await serveRunning();
    const answer = await client.respond('00000000-0000-0000-0000-000000000000', '{}');
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).errorType).toBe('InvalidRequestID');
    expect(port.payloads).toEqual([]);
  });

  it('sent a second time is 403 InvalidStateTransition, and so is an error after it', async () => {
    const { client, port } = await serveRunning();
    await client.respond(event.requestId, '1');
    const second = await client.respond(event.requestId, '2');
    const error = await client.fail(event.requestId, { errorType: 'Function.Late', errorMessage: 'late' });
    expect([second.status, error.status]).toEqual([403, 403]);
    expect(JSON.parse(second.body)).toEqual({
      errorType: 'InvalidStateTransition',
      errorMessage: 'State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State transition is not allowed',
    });
    expect(port.calls).toEqual(['ready', 'responded']);
  });

  it('before any event is 400 InvalidRequestID', async () => {
    const { client } = await serve();
    expect((await client.respond(event.requestId, '{}')).status).toBe(400);
  });

  it('of exactly the limit passes, one byte more is 413 RequestEntityTooLarge', async () => {
    const fits = await serveRunning();
    expect((await fits.client.respond(event.requestId, Buffer.alloc(maxBodyBytes, 'x'))).status).toBe(202);
    expect(fits.port.payloads[0]?.length).toBe(maxBodyBytes);
    const over = await serveRunning();
    const answer = await over.client.respond(event.requestId, Buffer.alloc(maxBodyBytes + 1, 'x'));
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.body)).toEqual({
      errorMessage: 'Exceeded maximum allowed payload size (6291556 bytes).',
      errorType: 'RequestEntityTooLarge',
    });
    expect(over.port.calls).toEqual(['ready', 'respondedTooMuch']);
  });

  it('streamed in chunks is gathered', async () => {
    const { client, port } = await serveRunning();
    const headers = { 'Lambda-Runtime-Function-Response-Mode': 'streaming' };
    const answer = await client.send('POST', `/2018-06-01/runtime/invocation/${event.requestId}/response`, { headers, body: 'abc', trailers: {} });
    expect(answer.status).toBe(202);
    expect(port.payloads.map(String)).toEqual(['abc']);
  });

  it('streamed with error trailers is a failure with the body that they carry', async () => {
    const { client, port } = await serveRunning();
    const error = JSON.stringify({ errorType: 'Function.Broke', errorMessage: 'half way' });
    await client.send('POST', `/2018-06-01/runtime/invocation/${event.requestId}/response`, {
      headers: { 'Lambda-Runtime-Function-Response-Mode': 'streaming' },
      body: 'abc',
      trailers: {
        'Lambda-Runtime-Function-Error-Type': 'Function.Broke',
        'Lambda-Runtime-Function-Error-Body': Buffer.from(error).toString('base64'),
      },
    });
    expect(port.failures.map(({ errorType, payload }) => [errorType, String(payload)])).toEqual([['Function.Broke', error]]);
  });

  it('of another response mode is 400 InvalidFunctionResponseMode', async () => {
    const { client } = await serveRunning();
    const headers = { 'Lambda-Runtime-Function-Response-Mode': 'trickling' };
    const answer = await client.send('POST', `/2018-06-01/runtime/invocation/${event.requestId}/response`, { headers, body: '{}' });
    expect([answer.status, JSON.parse(answer.body).errorType]).toEqual([400, 'InvalidFunctionResponseMode']);
  });

  it('that is cut short is 400 TruncatedHTTPRequest and leaves the event to be answered', async () => {
    const { client, port, tcpPort } = await serveRunning();
    const head = `POST /2018-06-01/runtime/invocation/${event.requestId}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n`;
    const answer = await raw(tcpPort, `${head}only this`);
    expect(answer).toContain('400 Bad Request');
    expect(answer).toContain('TruncatedHTTPRequest');
    expect((await client.respond(event.requestId, '1')).status).toBe(202);
    expect(port.payloads.map(String)).toEqual(['1']);
  });
});

describe('POST error', () => {
  it('hands the body on with its type', async () => {
    const { client, port } = await serveRunning();
    const answer = await client.fail(event.requestId, { errorType: 'Function.Broken', errorMessage: 'no' });
    expect(answer.status).toBe(202);
    expect(port.failures[0]?.errorType).toBe('Function.Broken');
    expect(String(port.failures[0]?.payload)).toBe('{"errorType":"Function.Broken","errorMessage":"no"}');
  });

  it.each([
    ['Runtime.ExitError', 'Runtime.ExitError'],
    ['Function.not valid', 'Function.Unknown'],
    ['TypeError', 'Runtime.Unknown'],
    ['Runtime.x', 'Runtime.Unknown'],
  ])('of type %s counts as %s', async (sent, counted) => {
    const { client, port } = await serveRunning();
    await client.fail(event.requestId, { errorType: sent, errorMessage: '' });
    expect(port.failures[0]?.errorType).toBe(counted);
  });

  it('with a cause for X-Ray hands on the error without it', async () => {
    const { client, port } = await serveRunning();
    const body = '{"errorType":"a","errorMessage":"b","stackTrace":["c"],"errorCause":{"paths":[]}}';
    const headers = { 'Content-Type': 'application/vnd.aws.lambda.error.cause+json' };
    await client.send('POST', `/2018-06-01/runtime/invocation/${event.requestId}/error`, { headers, body });
    expect(port.failures.map(({ payload }) => String(payload))).toEqual(['{"errorMessage":"b","errorType":"a","stackTrace":["c"]}']);
  });
});

describe('POST init/error', () => {
  it('is taken before the first next', async () => {
    const { client, port } = await serve();
    const answer = await client.initError({ errorType: 'Runtime.ImportModuleError', errorMessage: 'no module' });
    expect(answer).toMatchObject({ status: 202, body: '{"status":"OK"}\n' });
    expect(port.failures[0]?.errorType).toBe('Runtime.ImportModuleError');
  });

  it('after next is 403 InvalidStateTransition', async () => {
    const { client } = await serveRunning();
    const answer = await client.initError({ errorType: 'Runtime.Late', errorMessage: '' });
    expect([answer.status, JSON.parse(answer.body).errorType]).toEqual([403, 'InvalidStateTransition']);
  });

  it('is the last word: next after it is 403', async () => {
    const { client } = await serve();
    await client.initError({ errorType: 'Runtime.ImportModuleError', errorMessage: '' });
    expect((await client.next()).status).toBe(403);
  });
});

describe('everything else', () => {
  it.each(['/', '/2018-06-01/runtime/invocation', '/2020-01-01/extension', '/2018-06-01/runtime/invocation/a/b/response'])(
    '%s is 404',
    async (path) => {
      const { client } = await serve();
      expect((await client.send('POST', path, { body: '{}' })).status).toBe(404);
    },
  );

  it('a wrong method is 405 and names the right one', async () => {
    const { client } = await serve();
    const answer = await client.send('POST', '/2018-06-01/runtime/invocation/next', { body: '' });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET']);
  });

  it('headers over 16 KiB are 431', async () => {
    const { tcpPort } = await serve();
    expect(await raw(tcpPort, `GET / HTTP/1.1\r\nHost: x\r\nBig: ${'x'.repeat(17_000)}\r\n\r\n`)).toContain('431');
  });

  it('what is no HTTP is 400', async () => {
    const { tcpPort } = await serve();
    expect(await raw(tcpPort, '\0\0\0 nonsense\r\n\r\n')).toContain('400 Bad Request');
  });

  it('a connection beyond the 32nd is closed', async () => {
    const { tcpPort } = await serve();
    const sockets = Array.from({ length: 33 }, () => connect(tcpPort, '127.0.0.1'));
    const closed = await Promise.race(sockets.map((socket, index) => new Promise<number>((resolve) => socket.once('close', () => resolve(index)))));
    expect(closed).toBeGreaterThanOrEqual(0);
    for (const socket of sockets) socket.destroy();
  });
});

describe('one process after another', () => {
  it('suspend() refuses what the ended process still says', async () => {
    const { api, client, port } = await serveRunning();
    api.suspend();
    const answer = await client.respond(event.requestId, '1');
    expect(answer.status).toBe(400);
    expect(port.payloads).toEqual([]);
  });

  it('expectRuntime() does not take a request that the ended process left in the accept queue for the new one', async () => {
    const { api, client, port, tcpPort } = await serveRunning();
    api.suspend();
    client.close();
    const stale = connectAndWrite(tcpPort, 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n');
    await api.expectRuntime();
    const probe = new RuntimeClient(tcpPort);
    opened.push(probe);
    expect((await probe.send('GET', '/')).status).toBe(404);
    closeSync(stale);
    expect(port.calls).toEqual(['ready']);
    const fresh = new RuntimeClient(tcpPort);
    opened.push(fresh);
    port.onReady = () => api.deliver({ ...event, requestId: 'second' });
    expect((await fresh.next()).headers['lambda-runtime-aws-request-id']).toBe('second');
  });
});

/** Sends bytes, ends its side, and gives back all that comes. */
function raw(tcpPort: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port: tcpPort, host: '127.0.0.1', allowHalfOpen: true });
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(received));
    socket.on('end', () => socket.end());
    socket.end(bytes);
  });
}
