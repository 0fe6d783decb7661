import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { serveRuntimeApi } from '../../test/support/served-runtime-api.ts';
import { systemClock } from '../environment/clock.ts';
import { TokenBudget } from '../environment/token-budget.ts';
import type { ResponseStream, StreamLimits } from './response-stream.ts';
import type { InvocationEvent } from './runtime-api-port.ts';

const event: InvocationEvent = {
  requestId: '8476a536-e9f4-11e8-9739-2dfe598c3fcd',
  payload: Buffer.from('{}'),
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:thumbnail',
  deadlineMs: 1_700_000_003_000,
  responseMode: 'streaming',
};
const path = `/2018-06-01/runtime/invocation/${event.requestId}/response`;
const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/event-stream\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n`;
const chunk = (text: string | Buffer) => Buffer.concat([Buffer.from(`${text.length.toString(16)}\r\n`), Buffer.from(text), Buffer.from('\r\n')]);
const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

/** A Runtime API whose runtime has an event that is to be answered by a stream. */
async function serve(streamLimits: StreamLimits = { maxBytes: 1_048_576 }, { clock = systemClock, shareUsPerSecond = 50_000 } = {}) {
  const served = await serveRuntimeApi(clock, { streamLimits, shareUsPerSecond });
  const { api, port, client } = served;
  opened.push(client, api);
  const begun = Promise.withResolvers<ResponseStream>();
  port.onResponding = begun.resolve;
  port.onReady = () => api.deliver(event);
  await client.next();
  port.onReady = () => {};
  return { ...served, begun: begun.promise };
}

function open(tcpPort: number): Socket & { readonly answer: () => string } {
  const socket = connect(tcpPort, '127.0.0.1');
  let answer = '';
  socket.on('error', () => {});
  socket.on('data', (data) => {
    answer += data.toString();
  });
  opened.push({ close: () => socket.destroy() });
  return Object.assign(socket, { answer: () => answer });
}

async function gather({ body }: ResponseStream): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe('a streamed response', () => {
  it('is handed on while the runtime is still writing it, with the content type that the runtime named', async () => {
    const { tcpPort, begun } = await serve();
    const socket = open(tcpPort);
    socket.write(`${head}\r\n`);
    const stream = await begun;
    expect(stream.contentType).toBe('text/event-stream');
    const pieces = stream.body[Symbol.asyncIterator]();
    socket.write(chunk('first'));
    expect(String((await pieces.next()).value)).toBe('first');
    expect(socket.answer()).toBe('');
    socket.write(chunk('second'));
    expect(String((await pieces.next()).value)).toBe('second');
    socket.write('0\r\n\r\n');
    expect((await pieces.next()).done).toBe(true);
    expect(await stream.ended).toEqual({ kind: 'whole' });
    await until(() => socket.answer().includes('{"status":"OK"}'));
    expect(socket.answer()).toContain('202 Accepted');
  });

  it('that ends with error trailers has failed with any type they name and the body they carry', async () => {
    const { tcpPort, begun } = await serve();
    const socket = open(tcpPort);
    const error = Buffer.from('{"errorType":"Error","errorMessage":"half way"}').toString('base64');
    const trailer = 'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n';
    socket.write(`${head}${trailer}\r\n`);
    socket.write(chunk('abc'));
    socket.write(`0\r\nLambda-Runtime-Function-Error-Type: Error\r\nLambda-Runtime-Function-Error-Body: ${error}\r\n\r\n`);
    const stream = await begun;
    expect(await gather(stream)).toBe('abc');
    const end = await stream.ended;
    expect(end).toMatchObject({ kind: 'failed', errorType: 'Error' });
    expect(end.kind === 'failed' && String(end.payload)).toBe('{"errorType":"Error","errorMessage":"half way"}');
    await until(() => socket.answer().includes('202 Accepted'));
  });

  it('that is cut short is 400 TruncatedHTTPRequest and cannot be sent again', async () => {
    const { tcpPort, begun, client } = await serve();
    const socket = connect({ port: tcpPort, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString();
    });
    opened.push({ close: () => socket.destroy() });
    socket.write(`${head}\r\n`);
    socket.write(chunk('abc'));
    socket.end('ff\r\nonly this');
    const stream = await begun;
    expect(await gather(stream)).toBe('abconly this');
    expect(await stream.ended).toEqual({ kind: 'truncated' });
    await until(() => answer.includes('TruncatedHTTPRequest'));
    expect(answer).toContain('400 Bad Request');
    expect((await client.respond(event.requestId, '1')).status).toBe(403);
  });

  it('gives as many bytes as its limit, then is 413 RequestEntityTooLarge while the rest is thrown away', async () => {
    const { tcpPort, begun } = await serve({ maxBytes: 10 });
    const socket = open(tcpPort);
    socket.write(`${head}\r\n`);
    socket.write(chunk('12345678'));
    socket.write(chunk('90ab'));
    const stream = await begun;
    expect(await gather(stream)).toBe('1234567890');
    expect(await stream.ended).toEqual({ kind: 'tooLarge', maxBytes: 10 });
    await until(() => socket.answer().includes('Exceeded maximum allowed payload size (10 bytes).'));
    expect(socket.answer()).toContain('413 Payload Too Large');
    socket.write(chunk('cdef'));
    socket.write('0\r\n\r\n');
    await turn();
    expect(socket.destroyed).toBe(false);
  });

  it('of exactly the limit passes', async () => {
    const { client, begun } = await serve({ maxBytes: 3 });
    const answer = client.send('POST', path, { headers: { 'Lambda-Runtime-Function-Response-Mode': 'streaming' }, body: 'abc', trailers: {} });
    const stream = await begun;
    expect([await gather(stream), await stream.ended]).toEqual(['abc', { kind: 'whole' }]);
    expect((await answer).status).toBe(202);
  });

  it('makes the runtime’s socket wait for a reader who does not read, and holds little of it meanwhile', async () => {
    const { tcpPort, begun } = await serve({ maxBytes: 1024 * 1_048_576 }, { shareUsPerSecond: 50_000_000 });
    const socket = open(tcpPort);
    socket.write(`${head}\r\n`);
    const stream = await begun;
    const pieces = stream.body[Symbol.asyncIterator]();
    const block = chunk(Buffer.alloc(65_536, 'x'));
    // The kernel's buffers of both sockets take some MiB, and then nothing more.
    let written = 0;
    let waits = false;
    while (!waits && written < 256 * 1_048_576) {
      waits = !socket.write(block) && !(await Promise.race([new Promise<boolean>((resolve) => socket.once('drain', () => resolve(true))), quiet()]));
      written += block.length;
    }
    expect(waits).toBe(true);
    let read = 0;
    const reading = (async () => {
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) read += next.value.length;
    })();
    await new Promise<void>((resolve) => {
      socket.end('0\r\n\r\n', resolve);
    });
    await reading;
    expect(read).toBe(Math.floor(written / block.length) * 65_536);
  });

  it('is read on to its end when its reader goes away, so that the invocation runs on', async () => {
    const { tcpPort, begun } = await serve({ maxBytes: 10_000_000 }, { shareUsPerSecond: 50_000_000 });
    const socket = open(tcpPort);
    socket.write(`${head}\r\n`);
    socket.write(chunk('first'));
    const stream = await begun;
    for await (const piece of stream.body) {
      expect(String(piece)).toBe('first');
      break;
    }
    for (let count = 0; count < 20; count += 1) socket.write(chunk(Buffer.alloc(65_536)));
    socket.write('0\r\n\r\n');
    expect(await stream.ended).toEqual({ kind: 'whole' });
    await until(() => socket.answer().includes('202 Accepted'));
  });

  it('passes its burst at once and then no more than its bandwidth', async () => {
    const clock = new FakeClock();
    const bandwidth = () => new TokenBudget({ tokensPerSecond: 4_000, burst: 12_000, clock });
    const { tcpPort, begun } = await serve({ maxBytes: 1_000_000, bandwidth }, { clock, shareUsPerSecond: 1_000_000_000 });
    const socket = open(tcpPort);
    socket.write(`${head}\r\n`);
    const stream = await begun;
    let read = 0;
    const reading = (async () => {
      for await (const piece of stream.body) read += piece.length;
    })();
    for (let count = 0; count < 10; count += 1) socket.write(chunk(Buffer.alloc(2_000)));
    socket.write('0\r\n\r\n');
    let elapsedMs = 0;
    for (;;) {
      await until(() => clock.scheduled === 1 || read === 20_000);
      // Pieces may be cut anywhere; the last one goes into debt.
      expect(read).toBeLessThanOrEqual(12_000 + elapsedMs * 4 + 2_000);
      if (read === 20_000) break;
      clock.advance(50);
      elapsedMs += 50;
      await turn();
    }
    expect(elapsedMs).toBeGreaterThanOrEqual(1_450);
    clock.advance(2_000);
    await reading;
  });

  it('lets a runtime that asks for its next event before the end of the stream wait for it', async () => {
    const { api, tcpPort, client, begun, port } = await serve();
    const ready = () => port.calls.filter((call) => call === 'ready').length;
    const socket = open(tcpPort);
    socket.write(`${head}\r\n`);
    socket.write(chunk('abc'));
    const stream = await begun;
    const next = client.next();
    await turn();
    expect(ready()).toBe(1);
    socket.write('0\r\n\r\n');
    await gather(stream);
    await until(() => ready() === 2);
    api.deliver({ ...event, requestId: 'second' });
    expect((await next).headers['lambda-runtime-aws-request-id']).toBe('second');
  });

  it('ends for its reader when it is aborted', async () => {
    const { tcpPort, begun } = await serve();
    const socket = open(tcpPort);
    socket.write(`${head}\r\n`);
    socket.write(chunk('abc'));
    const stream = await begun;
    const gathered = gather(stream);
    await turn();
    stream.abort();
    expect(await gathered).toBe('abc');
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  });

  it('in very many pieces of one byte arrives whole and ends nobody’s environment', async () => {
    const { tcpPort, begun, port } = await serve({ maxBytes: 1_000_000 });
    const socket = open(tcpPort);
    socket.write(`${head}\r\n`);
    const stream = await begun;
    const gathered = gather(stream);
    socket.write(Buffer.concat(Array.from({ length: 70_000 }, () => chunk('x'))));
    socket.write('0\r\n\r\n');
    expect((await gathered).length).toBe(70_000);
    expect(port.calls).toEqual(['ready', 'responding']);
  }, 30_000);
});

describe('a response that is not streamed to an invocation that would take a stream', () => {
  it('is taken as a whole, with its content type', async () => {
    const { client, port } = await serve();
    await client.send('POST', path, { headers: { 'Content-Type': 'text/plain' }, body: 'whole' });
    expect([port.payloads.map(String), port.contentTypes]).toEqual([['whole'], ['text/plain']]);
  });
});

/** Long enough to see that nothing moves. */
function quiet(): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), 500);
  });
}
