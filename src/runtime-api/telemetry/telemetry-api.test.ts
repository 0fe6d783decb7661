import { afterEach, describe, expect, it } from 'vitest';
import { ExtensionClient } from '../../../test/support/extension-client.ts';
import { serveRuntimeApi } from '../../../test/support/served-runtime-api.ts';

const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

const subscription = { schemaVersion: '2022-12-13', types: ['platform'], destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:4243' } };

async function registered() {
  const served = await serveRuntimeApi();
  const extension = new ExtensionClient(served.tcpPort, 'lens');
  opened.push(served.client, served.api, extension);
  await extension.register({ events: [] });
  const own: Readonly<Record<string, string>> = { 'Lambda-Extension-Identifier': extension.identifier };
  const put = async (body: unknown, headers = own, path = '/2022-07-01/telemetry') => {
    const answer = await extension.send('PUT', path, { headers, body: JSON.stringify(body) });
    return [answer.status, JSON.parse(answer.body)];
  };
  return { served, put, identifier: extension.identifier };
}

describe('PUT /2022-07-01/telemetry', () => {
  it('takes a subscription under the name of the extension', async () => {
    const { served, put } = await registered();
    expect(await put(subscription)).toEqual([200, 'OK']);
    expect(served.telemetry.subscriptions).toMatchObject([{ name: 'lens', subscription: { streams: ['platform'], destination: { port: 4243 } } }]);
  });

  it.each([
    ['alreadySubscribed', [200, 'AlreadySubscribed']],
    ['closed', [403, { errorType: 'Telemetry.SubscriptionClosed', errorMessage: 'Telemetry API subscription is closed already' }]],
    ['full', [403, { errorType: 'Telemetry.AccessDenied', errorMessage: expect.any(String) }]],
  ] as const)('answers one that is %s', async (outcome, answer) => {
    const { served, put } = await registered();
    served.telemetry.outcome = outcome;
    expect(await put(subscription)).toEqual(answer);
  });

  it.each([
    ['without an identifier', {}, 'Extension.MissingExtensionIdentifier'],
    ['with what is none', { 'Lambda-Extension-Identifier': 'x' }, 'Extension.InvalidExtensionIdentifier'],
    ["with nobody's", { 'Lambda-Extension-Identifier': 'a1b2c3d4-5678-4abc-8def-0123456789ab' }, 'Extension.UnknownExtensionIdentifier'],
  ])('refuses one %s', async (_name, headers, errorType) => {
    const { served, put } = await registered();
    expect(await put(subscription, headers)).toEqual([403, { errorType, errorMessage: expect.any(String) }]);
    expect(served.telemetry.subscriptions).toEqual([]);
  });

  it('refuses what is no subscription, or too long', async () => {
    const { served, put } = await registered();
    expect(await put({ ...subscription, types: [] })).toEqual([
      400,
      { errorType: 'Telemetry.ValidationError', errorMessage: 'types should not be empty' },
    ]);
    expect(await put({ ...subscription, more: 'x'.repeat(70_000) })).toMatchObject([413, { errorType: 'RequestEntityTooLarge' }]);
    expect(served.telemetry.subscriptions).toEqual([]);
  });

  it('refuses an extension whose processes have been replaced', async () => {
    const { served, identifier } = await registered();
    await served.api.expectRuntime();
    const late = new ExtensionClient(served.tcpPort, 'lens');
    opened.push(late);
    const headers = { 'Lambda-Extension-Identifier': identifier };
    const answer = await late.send('PUT', '/2022-07-01/telemetry', { headers, body: JSON.stringify(subscription) });
    expect(JSON.parse(answer.body)).toMatchObject({ errorType: 'Extension.UnknownExtensionIdentifier' });
    expect(served.telemetry.subscriptions).toEqual([]);
  });
});

describe('PUT /2020-08-15/logs', () => {
  it('answers that the Logs API is gone', async () => {
    const { put } = await registered();
    expect(await put(subscription, undefined, '/2020-08-15/logs')).toEqual([
      202,
      { errorType: 'Logs.NotSupported', errorMessage: 'Logs API is not supported' },
    ]);
  });
});
