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
  schemas,
  subscription,
} from './played-subscriber.ts';

const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

interface Watched {
  readonly runtime: ActorProcess;
  readonly api: RawConnection;
  readonly subscriber: PlayedSubscriber;
}

/** A runtime that waits in `next`, watched by an extension within it that subscribed before and asks for no invocation. */
async function watched(stage: Stage, more: Readonly<Record<string, unknown>> = {}): Promise<Watched> {
  const { runtime, subscriber } = await meetInternal(stage);
  await subscriber.subscribeTo(4243, more);
  subscriber.api.send({ path: extensionNextPath, headers: { 'Lambda-Extension-Identifier': subscriber.identifier } });
  const api = await runtime.connect();
  api.send({ path: runtimeNextPath });
  return { runtime, api, subscriber };
}

/** Plays one more invocation, in which what was told at the end of the last one arrives. */
async function goOn(
  stage: Stage,
  { runtime, api, subscriber }: Watched,
  type: string,
  fits: (record: { requestId?: string }) => boolean,
): Promise<void> {
  await stage.askForNext({ runtime, api });
  stage.invoke();
  await playInvocation(api, async () => void (await subscriber.told(type, ({ record }) => fits(record))));
}

/** What is told, and in which shape. */
export const eventCases: readonly ConformanceCase[] = [
  {
    rule: 'a new subscriber gets what was told since the init began: initStart first, then its own subscription',
    source: `${schemas}, "platform.initStart", "platform.telemetrySubscription"; ${rie} telemetry/relay.go addSubscriber`,
    run: async (stage) => {
      stage.invoke();
      const { runtime, subscriber } = await meetInternal(stage);
      await subscriber.subscribeTo(4243);
      await subscriber.told('platform.telemetrySubscription');
      const [first] = subscriber.events;
      const stream = runtime.hello.variables['AWS_LAMBDA_LOG_STREAM_NAME'];
      expect(first).toEqual({
        time: expect.stringMatching(iso),
        type: 'platform.initStart',
        record: {
          initializationType: 'on-demand',
          phase: 'init',
          runtimeVersion: expect.stringMatching(/^nodejs:24/),
          runtimeVersionArn: expect.stringMatching(/^arn:aws:lambda:[^:]+::runtime:[0-9a-f]{64}$/),
          functionName: stage.functionName,
          functionVersion: '$LATEST',
          instanceId: stream,
          instanceMaxMemory: 1_024 * 1_048_576,
        },
      });
      expect((await subscriber.told('platform.telemetrySubscription')).record).toEqual({
        name: 'inside',
        state: 'Subscribed',
        types: ['platform', 'function', 'extension'],
      });
    },
  },
  {
    rule: 'the end of an init is told by initRuntimeDone, extension and initReport, an invocation by start, runtimeDone and report',
    source: `${schemas}, "platform.initRuntimeDone" to "platform.report"`,
    run: async (stage) => {
      stage.invoke();
      const playing = await watched(stage);
      const { subscriber, api } = playing;
      const requestId = await playInvocation(api, async () => void (await subscriber.told('platform.start')));
      await goOn(stage, playing, 'platform.report', (record) => record.requestId === requestId);
      const own = subscriber.events.filter(
        ({ type, record }) => !type.startsWith('platform.') || record.requestId === undefined || record.requestId === requestId,
      );
      expect(own.map(({ type }) => type)).toEqual([
        'platform.initStart',
        'platform.telemetrySubscription',
        'platform.initRuntimeDone',
        'platform.extension',
        'platform.initReport',
        'platform.start',
        'platform.runtimeDone',
        'platform.report',
      ]);
      const records = Object.fromEntries(own.map(({ type, record }) => [type, record]));
      const number = expect.any(Number);
      const span = (name: string) => ({ name, start: expect.stringMatching(iso), durationMs: number });
      expect(records).toMatchObject({
        'platform.initRuntimeDone': { initializationType: 'on-demand', phase: 'init', status: 'success' },
        'platform.extension': { name: 'inside', state: 'Ready', events: [] },
        'platform.initReport': { initializationType: 'on-demand', phase: 'init', status: 'success', metrics: { durationMs: number } },
        'platform.start': { requestId, version: '$LATEST' },
        'platform.runtimeDone': {
          requestId,
          status: 'success',
          metrics: { durationMs: number, producedBytes: '"done"'.length },
          spans: [span('responseLatency'), span('responseDuration')],
        },
        'platform.report': {
          requestId,
          status: 'success',
          metrics: { durationMs: number, billedDurationMs: number, memorySizeMB: 1_024, maxMemoryUsedMB: number, initDurationMs: number },
        },
      });
    },
  },
  {
    rule: 'members of a later schema are left out of an earlier one',
    source: `${schemas}; the schemas that AWS publishes for 2022-07-01 and 2025-01-29`,
    run: async (stage) => {
      stage.invoke();
      const { runtime, subscriber } = await meetInternal(stage);
      await subscriber.subscribeTo(4243, { schemaVersion: '2025-01-29' });
      const older = await PlayedSubscriber.register(runtime, 'older');
      await older.subscribeTo(4244, { schemaVersion: '2022-07-01', types: ['platform'] });
      for (const { api, identifier } of [subscriber, older])
        api.send({ path: extensionNextPath, headers: { 'Lambda-Extension-Identifier': identifier } });
      const api = await runtime.connect();
      api.send({ path: runtimeNextPath });
      await playInvocation(api, async () => {
        expect((await subscriber.told('platform.start')).record).toHaveProperty('functionArn');
        expect((await older.told('platform.start')).record).not.toHaveProperty('functionArn');
      });
      expect(Object.keys((await older.told('platform.initStart')).record)).toEqual([
        'initializationType',
        'phase',
        'runtimeVersion',
        'runtimeVersionArn',
      ]);
    },
  },
  {
    rule: 'lines of the function are function events, as strings without their line feed, and only for who asked for them',
    source: `${schemas}, "function"; ${rie} telemetry/logs_egress.go`,
    run: async (stage) => {
      stage.invoke();
      const { runtime, api, subscriber } = await watched(stage, { types: ['function'] });
      await playInvocation(api, async () => {
        await runtime.print('to "stdout"\n');
        await runtime.print('to stderr\n', 2);
        await subscriber.told('function', ({ record }) => record === 'to "stdout"');
        await subscriber.told('function', ({ record }) => record === 'to stderr');
      });
      expect(subscriber.events.every(({ type }) => type === 'function')).toBe(true);
    },
  },
  {
    rule: 'what an external extension writes is an extension event, and in the log as well',
    source: `${schemas}, "extension"; ${rie} telemetry/logs_egress.go GetExtensionSockets`,
    function: { extensions: ['outside'] },
    run: async (stage) => {
      stage.invoke();
      const outside = await stage.process('outside');
      const subscriber = await PlayedSubscriber.register(outside, 'outside');
      await subscriber.subscribeTo(4243);
      await outside.print('from the extension\n');
      await outside.print('and its errors\n', 2);
      subscriber.api.send({ path: extensionNextPath, headers: { 'Lambda-Extension-Identifier': subscriber.identifier } });
      const runtime = await stage.process();
      await runtime.print('from the function\n');
      const api = await runtime.connect();
      api.send({ path: runtimeNextPath });
      await playInvocation(api, async () => {
        await subscriber.told('extension', ({ record }) => record === 'from the extension');
        await subscriber.told('extension', ({ record }) => record === 'and its errors');
        await subscriber.told('function', ({ record }) => record === 'from the function');
      });
      expect(await stage.log(runtime)).toEqual(expect.arrayContaining(['from the extension\n', 'and its errors\n', 'from the function\n']));
    },
  },
  {
    rule: 'a function that logs in JSON is told as objects, and levels filter its log, not telemetry',
    source: 'AWS: Configuring advanced logging controls, "Log-level filtering"',
    function: { settings: { LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'WARN', SystemLogLevel: 'WARN' } } },
    run: async (stage) => {
      stage.invoke();
      const { runtime, api, subscriber } = await watched(stage);
      expect(runtime.hello.variables).toMatchObject({ AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: 'WARN' });
      const line = (level: string) => JSON.stringify({ timestamp: '2026-11-25T12:00:00.000Z', level, message: 'm' });
      await playInvocation(api, async () => {
        await runtime.print(`${line('INFO')}\n${line('ERROR')}\nplain\n`);
        await subscriber.told('function', ({ record }) => record === 'plain');
        await subscriber.told('platform.start');
      });
      const records = subscriber.events.filter(({ type }) => type === 'function').map(({ record }) => record);
      expect(records).toEqual([JSON.parse(line('INFO')), JSON.parse(line('ERROR')), 'plain']);
      expect(await stage.log(runtime)).toEqual([`${line('ERROR')}\n`, 'plain\n']);
    },
  },
  {
    rule: 'a time-out shows in runtimeDone and report, and the subscription is still there in the init that follows',
    source: `${schemas}, "Status"; ${docs}: the listener continues to receive telemetry after the environment restarts`,
    function: { timeoutSeconds: 3 },
    run: async (stage) => {
      const timedOut = stage.invoke();
      const { api, subscriber } = await watched(stage);
      const event = await api.answer();
      const requestId = event.header('lambda-runtime-aws-request-id') ?? '';
      expect((await timedOut).functionError).toBe('Unhandled');
      stage.invoke();
      const { subscriber: again } = await meetInternal(stage);
      await again.listen(4243);
      expect((await again.subscribe(subscription(4243))).text).toBe('"AlreadySubscribed"');
      await again.told('platform.initStart', ({ record }) => record.phase === 'invoke');
      const own = (type: string) =>
        eventually(`${type} was told`, () =>
          [...subscriber.events, ...again.events].find((told) => told.type === type && told.record.requestId === requestId),
        );
      expect((await own('platform.runtimeDone')).record).toMatchObject({ status: 'timeout' });
      expect((await own('platform.report')).record).toMatchObject({ status: 'timeout' });
    },
  },
];
