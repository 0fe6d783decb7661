import { expect } from 'vitest';
import type { ConformanceCase } from '../harness/conformance.ts';
import type { HttpAnswer } from '../harness/http-answer.ts';
import { docs, meetInternal, reference, rie, runtimeNextPath, subscription } from './played-subscriber.ts';

const stranger = 'a1b2c3d4-5678-4abc-8def-0123456789ab';
const subscribe = `${reference}, "Subscribe"`;

function expectRefused(answer: HttpAnswer, status: number, errorType: string, errorMessage: string | RegExp = /\S/): void {
  expect({ status: answer.status, ...answer.json() }).toEqual({ status, errorType, errorMessage: expect.stringMatching(errorMessage) });
}

/** What cannot be subscribed to, and why. */
const impossible: readonly (readonly [rule: string, source: string, bodies: readonly unknown[], status: number, errorType: string])[] = [
  [
    'buffering is refused outside of its bounds: maxItems 1,000 to 10,000, maxBytes 262,144 to 1,048,576, timeoutMs 25 to 30,000',
    `${docs}, "Configuring memory usage and buffering"`,
    [{ maxItems: 999 }, { maxItems: 10_001 }, { maxBytes: 262_143 }, { maxBytes: 1_048_577 }, { timeoutMs: 24 }, { timeoutMs: 30_001 }].map(
      (buffering) => subscription(4243, { buffering }),
    ),
    400,
    'Telemetry.ValidationError',
  ],
  [
    'a destination outside of the environment, or of another scheme, is refused',
    `${docs}, "Specifying a destination protocol": only inside the execution environment, only HTTP`,
    [
      'http://example.com:80',
      'http://169.254.169.254:80',
      'http://localhost:80',
      'http://sandbox.localdomain.example.com:80',
      'https://sandbox.localdomain:443',
    ].map((URI) => subscription(0, { destination: { protocol: 'HTTP', URI } })),
    403,
    'Telemetry.AccessDenied',
  ],
  [
    'a destination without a port, and the port of the Runtime API, are refused',
    `${docs}, "Specifying a destination protocol": Lambda reserves port 9001; ${subscribe}`,
    [
      { protocol: 'HTTP', URI: 'http://sandbox.localdomain/telemetry' },
      { protocol: 'HTTP', URI: 'http://sandbox.localdomain:9001' },
      { protocol: 'TCP', port: 9001 },
    ].map((destination) => subscription(0, { destination })),
    400,
    'Telemetry.ValidationError',
  ],
  [
    'no types, a type twice, a single event and an unknown schema version are refused',
    `${subscribe}; ${rie} telemetry-subscription-schema.json`,
    [{ types: [] }, { types: ['platform', 'platform'] }, { types: ['platform.report'] }, { schemaVersion: '2020-08-15' }].map((more) =>
      subscription(4243, more),
    ),
    400,
    'Telemetry.ValidationError',
  ],
  [
    'what is no subscription at all cannot be read',
    `${rie} telemetry/subscription_api_test.go`,
    ['{', '[]', '{}', subscription(4243, { types: ['metrics'] }), subscription(4243, { destination: { protocol: 'UDP', port: 1 } })],
    400,
    'Telemetry.DeserializationError',
  ],
];

/** PUT /telemetry, before anything is delivered. */
export const subscriptionCases: readonly ConformanceCase[] = [
  {
    rule: 'a subscription is answered with 200 and "OK", in every schema version, for sandbox.localdomain, sandbox and 127.0.0.1, and for TCP',
    source: subscribe,
    run: async (stage) => {
      stage.invoke();
      const { subscriber } = await meetInternal(stage);
      const destinations = ['http://sandbox.localdomain:1', 'http://sandbox:2', 'http://127.0.0.1:3'].map((URI) => ({ protocol: 'HTTP', URI }));
      const wanted = [
        ...['2022-07-01', '2022-12-13', '2025-01-29'].map((schemaVersion) => ({ schemaVersion })),
        ...[...destinations, { protocol: 'TCP', port: 4 }].map((destination) => ({ destination })),
      ];
      for (const more of wanted) {
        const answer = await subscriber.subscribe(subscription(4243, more));
        expect([answer.status, answer.header('content-type'), answer.text]).toEqual([200, 'application/json', '"OK"']);
      }
    },
  },
  ...impossible.map(
    ([rule, source, bodies, status, errorType]): ConformanceCase => ({
      rule,
      source,
      run: async (stage) => {
        stage.invoke();
        const { subscriber } = await meetInternal(stage);
        for (const body of bodies) expectRefused(await subscriber.subscribe(body), status, errorType);
      },
    }),
  ),
  {
    rule: 'all that is not possible is told at once',
    source: `${subscribe}: "URI port is not provided; types should not be empty"`,
    run: async (stage) => {
      stage.invoke();
      const { subscriber } = await meetInternal(stage);
      const answer = await subscriber.subscribe(subscription(0, { types: [], destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain' } }));
      expectRefused(answer, 400, 'Telemetry.ValidationError', /^URI port is not provided; types should not be empty$/);
    },
  },
  {
    rule: 'only a registered extension can subscribe',
    source: `${docs}, "Registering your extension"; ${rie} rapi/handler/runtimelogs.go`,
    run: async (stage) => {
      stage.invoke();
      const { subscriber } = await meetInternal(stage);
      const as = (identifier: string) => subscriber.subscribe(subscription(4243), { 'Lambda-Extension-Identifier': identifier });
      expectRefused(await subscriber.subscribe(subscription(4243), {}), 403, 'Extension.MissingExtensionIdentifier');
      expectRefused(await as('inside'), 403, 'Extension.InvalidExtensionIdentifier');
      expectRefused(await as(stranger), 403, 'Extension.UnknownExtensionIdentifier', `Unknown extension ${stranger}`);
    },
  },
  {
    rule: 'a second subscription of the same kind is answered "AlreadySubscribed" and told as such',
    source: `${rie} rapi/handler/runtimelogs_test.go TestNumberOfSubscribersWhenAnExtensionIsAlreadySubscribed`,
    run: async (stage) => {
      stage.invoke();
      const { subscriber } = await meetInternal(stage);
      await subscriber.subscribeTo(4243);
      const again = await subscriber.subscribe(subscription(4243));
      expect([again.status, again.text]).toEqual([200, '"AlreadySubscribed"']);
      const told = await subscriber.told('platform.telemetrySubscription', ({ record }) => record.state === 'Already subscribed');
      expect(told.record).toEqual({ name: 'inside', state: 'Already subscribed', types: ['platform', 'function', 'extension'] });
    },
  },
  {
    rule: 'after the init no subscription is taken',
    source: `${docs}, "Sending a subscription request": during the extension initialization phase; ${rie} rapid/handlers.go TurnOff`,
    run: async (stage) => {
      const answer = stage.invoke();
      const { runtime, subscriber } = await meetInternal(stage);
      subscriber.api.send({ path: '/2020-01-01/extension/event/next', headers: { 'Lambda-Extension-Identifier': subscriber.identifier } });
      const api = await runtime.connect();
      api.send({ path: runtimeNextPath });
      const event = await api.answer();
      const late = await (await runtime.connect()).ask({
        method: 'PUT',
        path: '/2022-07-01/telemetry',
        body: JSON.stringify(subscription(4243)),
        headers: { 'Lambda-Extension-Identifier': subscriber.identifier },
      });
      expectRefused(late, 403, 'Telemetry.SubscriptionClosed', /^Telemetry API subscription is closed already$/);
      await api.ask({ path: `runtime/invocation/${event.header('lambda-runtime-aws-request-id')}/response`, body: '1' });
      expect((await answer).text).toBe('1');
    },
  },
  {
    rule: 'the Logs API, which the Telemetry API has replaced, says that it is not supported',
    source: `${rie} rapi/handler/runtimelogs_stub.go`,
    run: async (stage) => {
      stage.invoke();
      const { subscriber } = await meetInternal(stage);
      const headers = { 'Lambda-Extension-Identifier': subscriber.identifier };
      const body = JSON.stringify(subscription(4243, { schemaVersion: '2020-08-15' }));
      const answer = await subscriber.api.ask({ method: 'PUT', path: '/2020-08-15/logs', body, headers });
      expectRefused(answer, 202, 'Logs.NotSupported', /^Logs API is not supported$/);
    },
  },
];
