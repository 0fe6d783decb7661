import { expect } from 'vitest';
import type { ActorProcess } from '../harness/actor-process.ts';
import type { ConformanceCase } from '../harness/conformance.ts';
import type { RawConnection } from '../harness/raw-connection.ts';
import type { Stage } from '../harness/stage.ts';
import {
  docs,
  eventually,
  extensionNextPath,
  meetInternal,
  PlayedSubscriber,
  playInvocation,
  rie,
  runtimeNextPath,
  subscription,
} from './played-subscriber.ts';

const destination = `${docs}, "Specifying a destination protocol"`;

/** The subscriber and the runtime have asked for their first events: the init is over. */
async function endInit(subscriber: PlayedSubscriber): Promise<RawConnection> {
  subscriber.api.send({ path: extensionNextPath, headers: { 'Lambda-Extension-Identifier': subscriber.identifier } });
  const api = await subscriber.actor.connect();
  api.send({ path: runtimeNextPath });
  return api;
}

/** Invokes and answers, over and over: what a client waits for, whatever a subscriber does. */
async function serve(stage: Stage, { runtime, api, count }: { runtime: ActorProcess; api: RawConnection; count: number }): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await stage.askForNext({ runtime, api });
    const answer = stage.invoke();
    await playInvocation(api);
    expect((await answer).text).toBe('"done"');
  }
}

/** How events come, and what happens when they do not arrive. */
export const deliveryCases: readonly ConformanceCase[] = [
  {
    rule: 'by HTTP a batch is a POST of a JSON array to the path of the URI',
    source: destination,
    run: async (stage) => {
      stage.invoke();
      const { subscriber } = await meetInternal(stage);
      await subscriber.listen(4243);
      await subscriber.subscribe(subscription(4243, { destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:4243/a/b?c=1' } }));
      await subscriber.told('platform.initStart');
      const [head = ''] = subscriber.heads;
      const [line, ...headers] = head.trimEnd().split('\r\n');
      expect(line).toBe('POST /a/b?c=1 HTTP/1.1');
      expect(headers).toEqual(expect.arrayContaining(['Host: sandbox.localdomain:4243', 'Content-Type: application/json']));
    },
  },
  {
    rule: 'by TCP events are lines of JSON on one connection',
    source: `${destination}: newline delimited JSON`,
    run: async (stage) => {
      stage.invoke();
      const { runtime, subscriber } = await meetInternal(stage);
      const listener = await runtime.listen(4243);
      const answer = await subscriber.subscribe(subscription(0, { destination: { protocol: 'TCP', port: 4243 } }));
      expect(answer.text).toBe('"OK"');
      const connection = await listener.accepted();
      await connection.received(/telemetrySubscription[^\n]*\n$/);
      await runtime.print('one more\n');
      await connection.received(/one more"\}\n$/);
      const types = connection.unread
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).type);
      expect(types).toEqual(['platform.initStart', 'platform.telemetrySubscription', 'function']);
    },
  },
  {
    rule: 'a batch that is answered with an error is sent again',
    source: `${destination}: Lambda retries with backoff if the POST request results in an error`,
    run: async (stage) => {
      stage.invoke();
      const { subscriber } = await meetInternal(stage);
      subscriber.answer = 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n';
      await subscriber.subscribeTo(4243);
      const inits = () => subscriber.events.filter(({ type }) => type === 'platform.initStart').length;
      await eventually('it was sent three times', () => (inits() > 2 ? true : undefined));
      subscriber.answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
      await subscriber.actor.print('later\n');
      await subscriber.told('function', ({ record }) => record === 'later');
      const count = inits();
      await subscriber.actor.print('last\n');
      await subscriber.told('function', ({ record }) => record === 'last');
      expect(inits()).toBe(count);
    },
  },
  {
    rule: 'a listener that comes late gets what it has missed',
    source: `${destination}: Lambda retries with backoff if there is no listener`,
    run: async (stage) => {
      stage.invoke();
      const { subscriber } = await meetInternal(stage);
      expect((await subscriber.subscribe(subscription(4243))).text).toBe('"OK"');
      await subscriber.actor.print('early\n');
      await subscriber.listen(4243);
      await subscriber.told('platform.initStart');
      await subscriber.told('function', ({ record }) => record === 'early');
    },
  },
  {
    rule: 'a subscriber that never answers, and one that nobody is at, hold up no invocation',
    source: `${docs}, "Configuring memory usage and buffering": Lambda drops records to keep memory utilization bounded`,
    run: async (stage) => {
      const first = stage.invoke();
      const { runtime, subscriber } = await meetInternal(stage);
      subscriber.answer = undefined;
      await subscriber.subscribeTo(4243);
      expect((await subscriber.subscribe(subscription(4244))).text).toBe('"OK"');
      const api = await endInit(subscriber);
      await playInvocation(api, () => runtime.print(`${'x'.repeat(60_000)}\n`));
      expect((await first).text).toBe('"done"');
      await serve(stage, { runtime, api, count: 20 });
    },
  },
  {
    rule: 'a subscriber that answers without end, and one that sends without end, hold up no invocation',
    source: 'docs/telemetry.md, "Delivery"',
    run: async (stage) => {
      const first = stage.invoke();
      const { runtime, subscriber } = await meetInternal(stage);
      const listener = await runtime.listen(4244);
      subscriber.answer = 'HTTP/1.1 200 OK\r\n\r\n';
      subscriber.floodKiB = 1_024;
      await subscriber.subscribeTo(4243);
      expect((await subscriber.subscribe(subscription(0, { destination: { protocol: 'TCP', port: 4244 } }))).text).toBe('"OK"');
      const flood = await listener.accepted();
      flood.write('x'.repeat(1_024), 32 * 1_024);
      const api = await endInit(subscriber);
      await playInvocation(api);
      expect((await first).text).toBe('"done"');
      await serve(stage, { runtime, api, count: 20 });
      // What the kernel does not hold stays with its sender: nobody has read it.
      await stage.askForNext({ runtime, api });
      stage.invoke();
      await playInvocation(api, async () => expect(await runtime.unsentBytes(flood)).toBeGreaterThan(8 * 1_024 * 1_024));
    },
  },
  {
    rule: 'what is told when an environment is about to be frozen arrives with the next invocation',
    source: 'AWS: Lambda execution environment lifecycle, "Invoke phase": a frozen environment does nothing',
    run: async (stage) => {
      stage.invoke();
      const { runtime, subscriber } = await meetInternal(stage);
      await subscriber.subscribeTo(4243, { buffering: { timeoutMs: 1_000 } });
      const api = await endInit(subscriber);
      const first = await playInvocation(api);
      await serve(stage, { runtime, api, count: 1 });
      await stage.askForNext({ runtime, api });
      stage.invoke();
      await playInvocation(api, async () => void (await subscriber.told('platform.report', ({ record }) => record.requestId === first)));
    },
  },
  {
    rule: 'what waits when the environment ends is delivered in its shutdown',
    source: `${docs}, "Creating extensions": an extension runs up to 2 seconds during the shutdown phase`,
    function: { extensions: ['outside'] },
    run: async (stage) => {
      const answer = stage.invoke();
      const outside = await stage.process('outside');
      const subscriber = await PlayedSubscriber.register(outside, 'outside', ['SHUTDOWN']);
      await subscriber.subscribeTo(4243, { buffering: { timeoutMs: 30_000 } });
      subscriber.api.send({ path: extensionNextPath, headers: { 'Lambda-Extension-Identifier': subscriber.identifier } });
      const runtime = await stage.process();
      const api = await runtime.connect();
      api.send({ path: runtimeNextPath });
      const requestId = await playInvocation(api);
      api.send({ path: runtimeNextPath });
      expect((await answer).text).toBe('"done"');
      expect(subscriber.events).toEqual([]);
      const ended = stage.admin.post(`environments/${outside.environmentId}/stop`);
      await subscriber.told('platform.report', ({ record }) => record.requestId === requestId);
      const shutdown = await subscriber.api.answer();
      expect(shutdown.json()).toMatchObject({ eventType: 'SHUTDOWN', shutdownReason: 'spindown' });
      outside.exit();
      await ended;
    },
  },
  {
    rule: 'a slow subscriber is told how much it has missed',
    source: `${docs}, "platform.logsDropped"; ${rie} telemetry/internal/subscriber.go`,
    run: async (stage) => {
      stage.invoke();
      const { runtime, subscriber } = await meetInternal(stage);
      subscriber.answer = undefined;
      await subscriber.subscribeTo(4243);
      for (let index = 0; index < 30; index += 1) await runtime.print(`${index} ${'x'.repeat(60_000)}\n`);
      subscriber.answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
      const { record } = await subscriber.told('platform.logsDropped');
      expect(record).toEqual({ reason: expect.stringMatching(/\S/), droppedRecords: expect.any(Number), droppedBytes: expect.any(Number) });
      expect(record.droppedRecords).toBeGreaterThan(10);
      expect(record.droppedBytes).toBeGreaterThan(60_000 * record.droppedRecords);
    },
  },
];
