import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { bindLoopbackSocket } from '../../test/support/kernel-objects.ts';
import { RuntimeClient } from '../../test/support/runtime-client.ts';
import { TokenBudget } from '../environment/token-budget.ts';
import { createRuntimeApi, type RuntimeApi } from './create-runtime-api.ts';
import type { InvocationEvent } from './runtime-api-port.ts';
import type { SurfaceLimit } from './surface-guard.ts';

const event: InvocationEvent = { requestId: 'r1', payload: Buffer.from('{}'), invokedFunctionArn: 'arn', deadlineMs: 1_000 };
const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

/** A Runtime API on a clock that stands still: its share is what it has at once. */
async function serve() {
  const { descriptor, port: tcpPort } = bindLoopbackSocket();
  const clock = new FakeClock();
  const exceeded: SurfaceLimit[] = [];
  const responses: Buffer[] = [];
  const ended = Promise.withResolvers<void>();
  let onReady: () => void = () => {};
  const api: RuntimeApi = await createRuntimeApi({
    descriptor,
    share: new TokenBudget({ tokensPerSecond: 50_000, burst: 100_000, clock }),
    schedule: clock.schedule.bind(clock),
    function: { accountId: '123456789012', functionName: 'thumbnail', version: '$LATEST', handler: 'index.handler' },
    telemetry: { subscribe: () => 'closed' },
    streamLimits: { maxBytes: 1_024 },
    port: {
      ready: () => onReady(),
      initFailed: () => {},
      responded: (payload) => void responses.push(payload),
      responding: () => {},
      failed: () => {},
      respondedTooMuch: () => {},
      extensionRegistered: () => {},
      extensionsChanged: () => {},
      extensionFailed: () => {},
      exceeded: (limit) => {
        exceeded.push(limit);
        ended.resolve();
      },
    },
  });
  await api.expectRuntime();
  const client = new RuntimeClient(tcpPort);
  opened.push(client, api);
  const invoke = async (): Promise<void> => {
    onReady = () => api.deliver(event);
    await client.next();
  };
  return { api, clock, client, tcpPort, exceeded, responses, ended: ended.promise, invoke };
}

function open(tcpPort: number): Socket {
  const socket = connect(tcpPort, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  opened.push({ close: () => socket.destroy() });
  return socket;
}

describe('the Runtime API of one environment ends it, and is not served any more, when it', () => {
  it('is flooded with connections', async () => {
    const { tcpPort, exceeded, ended } = await serve();
    for (let made = 0; made < 200; made += 1) open(tcpPort);
    await ended;
    expect(exceeded).toEqual(['connections']);
    const [error] = (await once(connect(tcpPort, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it.each([
    ['that are no HTTP', '\0\0\0 nonsense\r\n\r\n'],
    ['over 16 KiB of headers', `GET / HTTP/1.1\r\nHost: x\r\nBig: ${'x'.repeat(17_000)}\r\n\r\n`],
    ['that stop half way', 'POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1'],
  ])('is sent requests again and again %s', async (_what, text) => {
    const { tcpPort, exceeded, ended } = await serve();
    let isEnded = false;
    void ended.then(() => {
      isEnded = true;
    });
    for (let sent = 0; !isEnded && sent < 100; sent += 1) {
      const socket = open(tcpPort);
      socket.end(text);
      await once(socket, 'close');
    }
    expect(exceeded).toEqual(['malformed']);
  });

  it.each([
    ['any path', '/'],
    ['the next event', '/2018-06-01/runtime/invocation/next'],
  ])('is asked for %s without end on one connection, answered or not', async (_what, path) => {
    const { tcpPort, exceeded, ended } = await serve();
    open(tcpPort).write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(1_000));
    await ended;
    expect(exceeded).toEqual(['pipelining']);
  });

  it('goes on asking over its share', async () => {
    const { tcpPort, exceeded, ended, clock } = await serve();
    let isEnded = false;
    void ended.then(() => {
      isEnded = true;
    });
    const ask = async (): Promise<void> => {
      const client = new RuntimeClient(tcpPort);
      opened.push(client);
      while (!isEnded) await client.send('GET', '/').catch(() => {});
    };
    const asking = Promise.all(Array.from({ length: 8 }, ask));
    while (!isEnded) {
      clock.advance(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await asking;
    expect(exceeded).toEqual(['share']);
  });
});

describe('the Runtime API of one environment', () => {
  it('answers over its share only when time has paid, and an invocation pays too', async () => {
    const { client, clock, exceeded, invoke } = await serve();
    const statusOf = async (): Promise<number> => (await client.send('GET', '/')).status;
    let answered = 0;
    let waiting: Promise<number> | undefined;
    while (waiting === undefined) {
      const asked = statusOf();
      const isAnswered = await Promise.race([asked.then(() => true), new Promise((resolve) => setTimeout(() => resolve(false), 200))]);
      if (isAnswered === true) answered += 1;
      else waiting = asked;
    }
    expect(answered).toBeGreaterThan(500);
    expect(answered).toBeLessThan(700);
    clock.advance(10);
    expect(await waiting).toBe(404);
    clock.advance(10);
    await invoke();
    for (let asked = 0; asked < 40; asked += 1) expect(await statusOf()).toBe(404);
    expect(exceeded).toEqual([]);
  });

  it('takes a thousand invocations in no time at all', async () => {
    const { api, client, exceeded, invoke } = await serve();
    await invoke();
    for (let count = 0; count < 1_000; count += 1) {
      expect((await client.respond('r1', 'x'.repeat(100))).status).toBe(202);
      await client.next();
    }
    expect(exceeded).toEqual([]);
    api.close();
  });

  it('gathers a body whatever the pieces it comes in', async () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(pieces, async (parts) => {
        const { tcpPort, responses, invoke, api } = await serve();
        await invoke();
        const socket = open(tcpPort);
        socket.write('POST /2018-06-01/runtime/invocation/r1/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
        for (const part of parts) socket.write(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
        socket.write('0\r\n\r\n');
        await once(socket, 'data');
        expect(responses).toEqual([Buffer.concat(parts)]);
        api.close();
      }),
      { numRuns: 30 },
    );
  });

  it('reads one report of a failed init at a time', async () => {
    const { tcpPort, client } = await serve();
    const first = open(tcpPort);
    first.write('POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1');
    await expect.poll(async () => (await client.initError({ errorType: 'Runtime.Two', errorMessage: '' })).status).toBe(403);
    first.destroy();
    await expect.poll(async () => (await client.initError({ errorType: 'Runtime.Two', errorMessage: '' })).status).toBe(202);
  });

  it('stops reading a body that nobody wants', async () => {
    const { tcpPort } = await serve();
    const socket = open(tcpPort);
    socket.write('POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\n');
    const chunk = Buffer.alloc(1024 * 1024);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    let sent = 0;
    for (; !socket.destroyed && sent < 1_000; sent += 1) {
      if (!socket.write(chunk)) await Promise.race([new Promise<void>((resolve) => socket.once('drain', resolve)), closed]);
    }
    expect(socket.destroyed).toBe(true);
    expect(sent).toBeLessThan(200);
  });
});
