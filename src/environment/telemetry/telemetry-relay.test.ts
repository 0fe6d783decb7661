import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { connectLoopback } from '../../../test/support/kernel-objects.ts';
import { TelemetryListener } from '../../../test/support/telemetry-listener.ts';
import type { TelemetrySubscription } from '../../runtime-api/telemetry/telemetry-subscription.ts';
import type { PlatformEvent } from '../log/platform-event.ts';
import { TelemetryRelay } from './telemetry-relay.ts';

const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.close();
});

const initStart: PlatformEvent = { type: 'platform.initStart', record: { initializationType: 'on-demand', phase: 'init', functionName: 'f' } };
const initReport: PlatformEvent = {
  type: 'platform.initReport',
  record: { initializationType: 'on-demand', phase: 'init', metrics: { durationMs: 1 }, status: 'success' },
};
const start: PlatformEvent = { type: 'platform.start', record: { requestId: '1', version: '$LATEST' } };

/** A relay in its first init, on a clock that tests move; `connections` counts what was opened into the environment. */
function relayRig() {
  const clock = new FakeClock();
  const rig = { clock, connections: 0, isReachable: true };
  const relay = new TelemetryRelay({
    clock,
    connect: async (port) => {
      rig.connections += 1;
      const descriptor = rig.isReachable ? connectLoopback(port) : undefined;
      if (descriptor === undefined) throw new Error('the agent says that nobody listens');
      return { descriptor };
    },
  });
  opened.push(relay);
  relay.event(initStart, clock.wallMs());
  const line = (text: string) => relay.line('function', JSON.stringify(text), clock.wallMs());
  return Object.assign(rig, { relay, line });
}

async function httpListener(options: Parameters<typeof TelemetryListener.http>[0] = {}): Promise<TelemetryListener> {
  const listener = await TelemetryListener.http(options);
  opened.push(listener);
  return listener;
}

async function tcpListener(onConnection: (socket: Socket) => void): Promise<TelemetryListener> {
  const listener = await TelemetryListener.tcp(onConnection);
  opened.push(listener);
  return listener;
}

function http(port: number, more: Partial<TelemetrySubscription> = {}): TelemetrySubscription {
  return {
    schema: '2022-12-13',
    streams: ['function'],
    buffering: { maxItems: 1_000, maxBytes: 262_144, timeoutMs: 1_000 },
    destination: { protocol: 'HTTP', port, host: `sandbox.localdomain:${port}`, path: '/in?x=1' },
    ...more,
  };
}

const tcp = (port: number): TelemetrySubscription => http(port, { destination: { protocol: 'TCP', port } });

/** Moves time on step by step, so that what real sockets bring is taken in between, until the condition holds. */
async function elapse(clock: FakeClock, isDone: () => boolean, stepMs = 100): Promise<void> {
  for (let step = 0; step < 3_000 && !isDone(); step += 1) {
    clock.advance(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(isDone()).toBe(true);
}

/** What a listener was told to have missed, each batch counted once. */
function droppedRecords({ events }: TelemetryListener): number {
  const counts = events.flatMap(({ type, record }) =>
    type === 'platform.logsDropped' ? [Number((record as { droppedRecords: number }).droppedRecords)] : [],
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('TelemetryRelay: what a subscriber gets', () => {
  it('posts events as a JSON array when the oldest has waited for timeoutMs', async () => {
    const { relay, clock, line } = relayRig();
    const listener = await httpListener();
    expect(relay.subscribe('lens', http(listener.port))).toBe('subscribed');
    line('one');
    clock.advance(600);
    line('two');
    clock.advance(399);
    await settle();
    expect(listener.requests).toEqual([]);
    clock.advance(1);
    await expect.poll(() => listener.requests.length).toBe(1);
    const [request] = listener.requests;
    expect(request?.line).toBe('POST /in?x=1');
    expect(request?.headers).toMatchObject({ host: `sandbox.localdomain:${listener.port}`, 'content-type': 'application/json' });
    expect(request?.events).toEqual([
      { time: '2026-01-02T00:00:00.000Z', type: 'function', record: 'one' },
      { time: '2026-01-02T00:00:00.600Z', type: 'function', record: 'two' },
    ]);
  });

  it('sends a batch at once when it has maxItems, and no more than that in one', async () => {
    const { relay, clock, line } = relayRig();
    const listener = await httpListener();
    relay.subscribe('lens', http(listener.port));
    for (let index = 0; index < 1_200; index += 1) line(`${index}`);
    await expect.poll(() => listener.requests.length).toBe(1);
    await elapse(clock, () => listener.requests.length === 2);
    expect(listener.requests.map(({ events }) => events.length)).toEqual([1_000, 200]);
    expect(listener.events.map(({ record }) => record)).toEqual(Array.from({ length: 1_200 }, (_, index) => `${index}`));
  });

  it('sends a batch at once when it has maxBytes', async () => {
    const { relay, line } = relayRig();
    const listener = await httpListener();
    relay.subscribe('lens', http(listener.port));
    for (let index = 0; index < 3; index += 1) line('x'.repeat(100_000));
    await expect.poll(() => listener.events.length).toBeGreaterThanOrEqual(2);
  });

  it('tells a subscriber what came before it in this init, in its schema and of its streams', async () => {
    const { relay, clock, line } = relayRig();
    const [old, young] = [await httpListener(), await httpListener()];
    line('before');
    relay.subscribe('old', http(old.port, { schema: '2022-07-01', streams: ['platform'] }));
    relay.subscribe('young', http(young.port, { schema: '2025-01-29', streams: ['platform', 'function'] }));
    await elapse(clock, () => old.events.length === 1 && young.events.length === 2);
    expect(old.events[0]?.record).toEqual({ initializationType: 'on-demand', phase: 'init' });
    expect(young.events.map(({ record }) => record)).toEqual([initStart.record, 'before']);
  });

  it('counts what an init told too much of for those that come later', async () => {
    const { relay, clock, line } = relayRig();
    for (let index = 0; index < 1_100; index += 1) line(`${index}`);
    const listener = await httpListener();
    relay.subscribe('lens', http(listener.port, { streams: ['platform', 'function'] }));
    await elapse(clock, () => listener.events.some(({ type }) => type === 'platform.logsDropped'));
    const dropped = listener.events.find(({ type }) => type === 'platform.logsDropped');
    expect(dropped?.record).toMatchObject({ droppedRecords: 101 });
  });

  it('writes lines of JSON to a TCP port, over one connection', async () => {
    const { relay, clock, line } = relayRig();
    let received = '';
    const listener = await tcpListener((socket) => socket.on('data', (chunk) => (received += chunk)));
    relay.subscribe('lens', tcp(listener.port));
    line('one');
    await elapse(clock, () => received.includes('one'));
    line('two\nlines');
    await elapse(clock, () => received.includes('two'));
    expect(
      received
        .split('\n')
        .slice(0, -1)
        .map((text) => JSON.parse(text).record),
    ).toEqual(['one', 'two\nlines']);
    expect(listener.sockets).toHaveLength(1);
  });
});

describe('TelemetryRelay: when subscriptions are taken', () => {
  it('takes none after the init, and again in one that is run again', () => {
    const { relay, clock } = relayRig();
    relay.event(initReport, clock.wallMs());
    expect(relay.subscribe('lens', http(1))).toBe('closed');
    relay.event({ ...initStart, record: { initializationType: 'on-demand', phase: 'invoke' } } as PlatformEvent, clock.wallMs());
    expect(relay.subscribe('lens', http(1))).toBe('subscribed');
  });

  it('takes the same one of an extension once, others beside it, and no more than an environment may have', () => {
    const { relay } = relayRig();
    expect(relay.subscribe('lens', http(1))).toBe('subscribed');
    expect(relay.subscribe('lens', http(1))).toBe('alreadySubscribed');
    expect(relay.subscribe('other', http(1))).toBe('subscribed');
    for (let port = 2; port <= 9; port += 1) expect(relay.subscribe('lens', http(port))).toBe('subscribed');
    expect(relay.subscribe('lens', http(10))).toBe('full');
  });

  it('keeps a subscription over a reset, and replaces it when its extension comes back elsewhere', async () => {
    const { relay, clock, line } = relayRig();
    const [before, after] = [await httpListener(), await httpListener()];
    relay.subscribe('stays', http(before.port));
    relay.subscribe('moves', http(before.port, { streams: ['function', 'extension'] }));
    relay.event(initReport, clock.wallMs());
    relay.event(initStart, clock.wallMs());
    expect(relay.subscribe('stays', http(before.port))).toBe('alreadySubscribed');
    expect(relay.subscribe('moves', http(after.port))).toBe('subscribed');
    line('x');
    await elapse(clock, () => before.events.length > 0 && after.events.length > 0);
    await settle();
    expect([before.events.length, after.events.length]).toEqual([1, 1]);
  });
});

describe('TelemetryRelay: when a subscriber does not play along', () => {
  it('does not make one wait that has come back for how often it failed before', async () => {
    const rig = relayRig();
    const listener = await httpListener();
    rig.isReachable = false;
    rig.relay.subscribe('lens', http(listener.port));
    rig.line('one');
    await elapse(rig.clock, () => rig.connections === 6);
    rig.isReachable = true;
    rig.relay.event(initStart, rig.clock.wallMs());
    await settle();
    expect(listener.events).toEqual([]);
    expect(rig.relay.subscribe('lens', http(listener.port))).toBe('alreadySubscribed');
    await expect.poll(() => listener.events.length).toBe(1);
  });

  const failing: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ['answers an error', (response) => response.writeHead(500).end()],
    ['closes the connection', (response) => response.destroy()],
    ['answers what is no HTTP', (response) => response.socket?.end('GREETINGS, and welcome\r\n')],
  ];

  it.each(failing)('sends a batch again to one that %s, later and later', async (_name, answer) => {
    const { relay, clock, line } = relayRig();
    let isWilling = false;
    const listener = await httpListener({ answer: (response) => (isWilling ? response.end() : answer(response)) });
    relay.subscribe('lens', http(listener.port));
    const triedAtMs: number[] = [];
    line('one');
    await elapse(clock, () => {
      while (triedAtMs.length < listener.requests.length) triedAtMs.push(clock.monotonicMs());
      return listener.requests.length === 4;
    });
    const gapsMs = triedAtMs.slice(1).map((atMs, index) => atMs - (triedAtMs[index] ?? 0));
    expect(gapsMs.every((gapMs, index) => index === 0 || gapMs > (gapsMs[index - 1] ?? 0))).toBe(true);
    isWilling = true;
    await elapse(clock, () => listener.requests.length === 5);
    line('two');
    await elapse(clock, () => listener.requests.length === 6);
    expect(listener.requests.at(-1)?.events.map(({ record }) => record)).toEqual(['two']);
  });

  it('finds a listener that comes late', async () => {
    const rig = relayRig();
    const listener = await httpListener();
    rig.isReachable = false;
    rig.relay.subscribe('lens', http(listener.port));
    rig.line('one');
    await elapse(rig.clock, () => rig.connections === 3);
    rig.isReachable = true;
    await elapse(rig.clock, () => listener.events.length === 1);
  });

  it('gives a batch up after eight attempts and tells how much that was', async () => {
    const { relay, clock, line } = relayRig();
    let isWilling = false;
    const listener = await httpListener({ answer: (response) => response.writeHead(isWilling ? 200 : 500).end() });
    relay.subscribe('lens', http(listener.port, { streams: ['platform', 'function'] }));
    line('lost');
    await elapse(clock, () => listener.requests.length === 8);
    isWilling = true;
    await elapse(clock, () => listener.requests.length === 9);
    const lost = listener.requests[0]?.events ?? [];
    const droppedBytes = lost.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
    expect(listener.requests[8]?.events).toMatchObject([
      { type: 'platform.logsDropped', record: { droppedRecords: lost.length, droppedBytes, reason: expect.any(String) } },
    ]);
  });

  it('keeps a bounded amount for one that does not answer, and loses nothing of another', async () => {
    const { relay, clock, line } = relayRig();
    let isWilling = false;
    const stalled = await httpListener({ answer: (response) => isWilling && response.end() });
    const living = await httpListener();
    relay.subscribe('stalled', http(stalled.port, { streams: ['platform', 'function'] }));
    relay.subscribe('living', http(living.port, { buffering: { maxItems: 1_000, maxBytes: 262_144, timeoutMs: 25 } }));
    const total = 40;
    for (let index = 0; index < total; index += 1) {
      line(`${index} ${'x'.repeat(100_000)}`);
      await elapse(clock, () => living.events.length === index + 1, 1);
    }
    isWilling = true;
    const told = () => new Set(stalled.events.filter(({ type }) => type === 'function').map(({ record }) => record)).size;
    await elapse(clock, () => droppedRecords(stalled) > 0 && told() + droppedRecords(stalled) >= total);
    expect(told() + droppedRecords(stalled)).toBe(total);
    // A batch on its way, and two that wait, of a quarter of a mebibyte each.
    expect(told()).toBeLessThan(12);
  });

  it('tells how much was dropped while one was slow, to the record', async () => {
    const { relay, clock, line } = relayRig();
    const waiting: ServerResponse[] = [];
    const listener = await httpListener({ answer: (response) => waiting.push(response) });
    relay.subscribe('slow', http(listener.port, { streams: ['platform', 'function'] }));
    const total = 6_000;
    for (let index = 0; index < total; index += 1) line(`${index}`);
    const told = () => listener.events.filter(({ type }) => type === 'function').length;
    await elapse(clock, () => {
      for (const response of waiting.splice(0)) response.end();
      return droppedRecords(listener) > 0 && told() + droppedRecords(listener) >= total;
    });
    expect(told() + droppedRecords(listener)).toBe(total);
    expect(told()).toBeLessThanOrEqual(3_001);
  });

  it('reads little of an answer without end, and counts its status', async () => {
    const { relay, clock, line } = relayRig();
    const flood = Buffer.alloc(64 * 1024, 'x');
    let writtenBytes = 0;
    const listener = await tcpListener((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      const more = (): void => {
        if (socket.destroyed) return;
        writtenBytes = socket.bytesWritten;
        if (socket.write(flood)) setImmediate(more);
        else socket.once('drain', more);
      };
      more();
    });
    relay.subscribe('lens', http(listener.port));
    line('one');
    await elapse(clock, () => listener.sockets.length === 1 && listener.sockets[0]?.destroyed === true);
    expect(writtenBytes).toBeLessThan(16 * 1024 * 1024);
    line('two');
    await elapse(clock, () => listener.sockets.length === 2);
  });

  it('reads nothing of what a TCP listener sends', async () => {
    const { relay, clock, line } = relayRig();
    let received = '';
    const listener = await tcpListener((socket) => {
      socket.on('data', (chunk) => (received += chunk));
      socket.write(Buffer.alloc(32 * 1024 * 1024));
    });
    relay.subscribe('lens', tcp(listener.port));
    line('one');
    await elapse(clock, () => received.includes('one'));
    line('two');
    await elapse(clock, () => received.includes('two'));
    // The kernel took what its buffers hold; the rest still stands in the listener's own.
    expect(listener.sockets[0]?.writableLength).toBe(32 * 1024 * 1024);
  });

  it('connects anew to a TCP listener that hung up', async () => {
    const { relay, clock, line } = relayRig();
    let received = '';
    const listener = await tcpListener((socket) => {
      socket.on('data', (chunk) => {
        received += chunk;
        if (received.includes('one') && !received.includes('two')) socket.resetAndDestroy();
      });
    });
    relay.subscribe('lens', tcp(listener.port));
    line('one');
    await elapse(clock, () => received.includes('one'));
    await settle();
    line('two');
    await elapse(clock, () => received.includes('two'));
  });
});

describe('TelemetryRelay: while the environment is frozen', () => {
  it('begins nothing, and goes on at the next thaw', async () => {
    const rig = relayRig();
    const listener = await httpListener();
    rig.relay.subscribe('lens', http(listener.port));
    rig.relay.event(start, rig.clock.wallMs());
    rig.line('one');
    rig.relay.pause();
    rig.clock.advance(60_000);
    await settle();
    expect(rig.connections).toBe(0);
    rig.relay.resume();
    await expect.poll(() => listener.events.length).toBe(1);
  });

  it('does not count its time against one that has not answered yet', async () => {
    const { relay, clock, line } = relayRig();
    const answers: ServerResponse[] = [];
    const listener = await httpListener({ answer: (response) => answers.push(response) });
    relay.subscribe('lens', http(listener.port));
    line('one');
    await elapse(clock, () => listener.requests.length === 1);
    relay.pause();
    clock.advance(3_600_000);
    relay.resume();
    clock.advance(4_000);
    answers[0]?.end();
    await settle();
    line('two');
    await elapse(clock, () => listener.requests.length === 2);
    expect(listener.requests[1]?.events.map(({ record }) => record)).toEqual(['two']);
  });

  it('flush() sends what there is at once', async () => {
    const { relay, line } = relayRig();
    const listener = await httpListener();
    relay.subscribe('lens', http(listener.port));
    line('last');
    relay.flush();
    await expect.poll(() => listener.events.length).toBe(1);
  });

  it('close() ends what is on its way, and nothing is sent any more', async () => {
    const { relay, clock, line } = relayRig();
    const listener = await tcpListener((socket) => socket.resume());
    relay.subscribe('lens', http(listener.port));
    line('one');
    await elapse(clock, () => listener.sockets.length === 1);
    expect(listener.sockets[0]?.destroyed).toBe(false);
    relay.close();
    await expect.poll(() => listener.sockets[0]?.destroyed).toBe(true);
    line('two');
    clock.advance(60_000);
    await settle();
    expect(listener.sockets).toHaveLength(1);
    expect(clock.scheduled).toBe(0);
  });
});
