import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ExtensionClient } from '../../../test/support/extension-client.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { RuntimeAnswer } from '../../../test/support/runtime-client.ts';
import { type ServedRuntimeApi, serveRuntimeApi } from '../../../test/support/served-runtime-api.ts';
import { type Clock, systemClock } from '../../environment/clock.ts';
import type { InvokeNotice } from './extension-event.ts';

const notice: InvokeNotice = {
  requestId: '8476a536-e9f4-11e8-9739-2dfe598c3fcd',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:thumbnail',
  deadlineMs: 1_700_000_003_000.9,
};
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const strangersIdentifier = 'a1b2c3d4-5678-4abc-8def-0123456789ab';

const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

/** Runtime and Extensions API of an environment that starts these external extensions. */
function serve(...external: readonly string[]): Promise<ServedRuntimeApi> {
  return serveBy(systemClock, external);
}

async function serveBy(clock: Clock, external: readonly string[]): Promise<ServedRuntimeApi> {
  const served = await serveRuntimeApi(clock);
  opened.push(served.client, served.api);
  served.api.extensions.expect(external);
  return served;
}

function extension({ tcpPort }: ServedRuntimeApi, name: string): ExtensionClient {
  const client = new ExtensionClient(tcpPort, name);
  opened.push(client);
  return client;
}

async function registered(served: ServedRuntimeApi, name: string, events: readonly string[] = ['INVOKE']): Promise<ExtensionClient> {
  const client = extension(served, name);
  expect((await client.register({ events })).status).toBe(200);
  return client;
}

/** Resolves when the extension waits for its next event: the answer comes later. */
async function poll({ port }: ServedRuntimeApi, client: ExtensionClient): Promise<{ readonly answer: Promise<RuntimeAnswer> }> {
  const changed = new Promise<void>((resolve) => {
    port.onExtensionsChanged = resolve;
  });
  const answer = client.next();
  answer.catch(() => {});
  await changed;
  return { answer };
}

/** An answer's status, error type and message. */
function refusal({ status, body }: RuntimeAnswer): readonly [number, string, string] {
  const { errorType, errorMessage } = JSON.parse(body) as Record<string, string>;
  return [status, errorType ?? '', errorMessage ?? ''];
}

describe('POST register', () => {
  it('tells of the function and gives an identifier', async () => {
    const served = await serve('agent');
    const answer = await extension(served, 'agent').register({ events: ['INVOKE', 'SHUTDOWN', 'INVOKE'] });
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('{"functionName":"thumbnail","functionVersion":"$LATEST","handler":"index.handler"}\n');
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'lambda-extension-identifier': expect.stringMatching(uuid) });
    expect(served.port.registered).toEqual([{ name: 'agent', kind: 'external', state: 'Registered', events: ['INVOKE', 'SHUTDOWN'] }]);
  });

  it.each(['accountId', 'other, accountId ,'])('adds the account for who accepts the feature (%s)', async (feature) => {
    const served = await serve();
    const answer = await extension(served, 'agent').register({}, { 'Lambda-Extension-Accept-Feature': feature });
    expect(JSON.parse(answer.body)).toMatchObject({ accountId: '123456789012', functionName: 'thumbnail' });
  });

  it('ignores features that nobody knows', async () => {
    const answer = await extension(await serve(), 'agent').register({}, { 'Lambda-Extension-Accept-Feature': 'accountid,tracing' });
    expect(JSON.parse(answer.body)).not.toHaveProperty('accountId');
  });

  it('takes a name that is expected for an external extension, every other for an internal one', async () => {
    const served = await serve('outside');
    const { extensions } = served.api;
    expect([extensions.hasExternal, extensions.hasInternal, extensions.allRegistered]).toEqual([false, false, false]);
    await registered(served, 'inside');
    expect([extensions.hasExternal, extensions.hasInternal, extensions.allRegistered]).toEqual([false, true, false]);
    await registered(served, 'outside');
    expect([extensions.hasExternal, extensions.hasInternal, extensions.allRegistered]).toEqual([true, true, true]);
  });

  it.each([{}, { events: [] }, { events: null }, { configurationKeys: [] }, null])('of %j subscribes to nothing', async (body) => {
    const served = await serve();
    expect((await extension(served, 'agent').register(body)).status).toBe(200);
    expect(served.port.registered[0]?.events).toEqual([]);
  });

  it('without a name is 403 InvalidExtensionName', async () => {
    const { client } = await serve();
    for (const headers of [{}, { 'Lambda-Extension-Name': '' }]) {
      const answer = await client.send('POST', '/2020-01-01/extension/register', { headers, body: '{}' });
      expect(refusal(answer)).toEqual([403, 'Extension.InvalidExtensionName', 'Empty extension name']);
    }
  });

  it.each([
    ['', 'unexpected end of JSON input'],
    ['{"events":', 'the body is not JSON'],
    ['"INVOKE"', 'the body is no JSON object'],
    ['["INVOKE"]', 'the body is no JSON object'],
    ['{"events":"INVOKE"}', 'events is no list of strings'],
    ['{"events":[1]}', 'events is no list of strings'],
    ['{"configurationKeys":["a"]}', 'configurationKeys are deprecated; use environment variables instead'],
  ])('with the body %j is 403 InvalidRequestFormat', async (body, message) => {
    const served = await serve();
    expect(refusal(await extension(served, 'agent').register(body))).toEqual([403, 'InvalidRequestFormat', message]);
    expect(served.api.extensions.descriptions).toEqual([]);
  });

  it.each([
    ['outside', 'RESTORE', 'RESTORE: ErrorInvalidEventType'],
    ['inside', 'invoke', 'invoke: ErrorInvalidEventType'],
    ['inside', 'SHUTDOWN', 'SHUTDOWN: ShutdownEventNotSupportedForInternalExtension'],
  ])('of %s for %s is 403 InvalidEventType and changes nothing', async (name, event, message) => {
    const served = await serve('outside');
    const before = served.api.extensions.descriptions;
    for (let tries = 0; tries < 2; tries += 1) {
      const answer = await extension(served, name).register({ events: ['INVOKE', event] });
      expect(refusal(answer)).toEqual([403, 'Extension.InvalidEventType', message]);
    }
    expect(served.api.extensions.descriptions).toEqual(before);
    expect((await extension(served, name).register()).status).toBe(200);
  });

  it('twice is 403 InvalidExtensionState', async () => {
    const served = await serve('outside');
    const [outside, inside] = [await registered(served, 'outside'), await registered(served, 'inside')];
    expect(refusal(await outside.register())).toEqual([
      403,
      'Extension.InvalidExtensionState',
      'State transition from Registered to Registered failed for extension outside. Error: State transition is not allowed',
    ]);
    expect(refusal(await inside.register())).toEqual([403, 'Extension.InvalidExtensionState', 'Extension with this name already registered']);
    expect(served.port.registered).toHaveLength(2);
  });

  it('of an eleventh is 403 TooManyExtensions; expected ones count before they register', async () => {
    const served = await serve('a', 'b');
    for (let count = 0; count < 8; count += 1) await registered(served, `inside-${count}`);
    const answer = await extension(served, 'inside-8').register();
    expect(refusal(answer)).toEqual([403, 'Extension.TooManyExtensions', 'Extension limit (10) reached']);
    await registered(served, 'a');
    await registered(served, 'b');
  });

  it('is 403 RegistrationClosed once the runtime has asked for its first event', async () => {
    const served = await serve();
    await registered(served, 'early');
    const ready = new Promise<void>((resolve) => {
      served.port.onReady = resolve;
    });
    served.client.next().catch(() => {});
    await ready;
    const answer = await extension(served, 'late').register();
    expect(refusal(answer)).toEqual([403, 'Extension.RegistrationClosed', 'Extension registration closed already']);
  });

  it('with a body over 64 KiB is 413 RequestEntityTooLarge', async () => {
    const served = await serve();
    const answer = await extension(served, 'agent').register(JSON.stringify({ events: ['x'.repeat(64 * 1024)] }));
    expect(refusal(answer)).toEqual([413, 'RequestEntityTooLarge', 'Exceeded maximum allowed payload size (65536 bytes).']);
    expect(served.api.extensions.descriptions).toEqual([]);
  });

  it('whose body never ends registers nobody', async () => {
    const served = await serve();
    const socket = connect(served.tcpPort, '127.0.0.1');
    socket.end('POST /2020-01-01/extension/register HTTP/1.1\r\nHost: x\r\nLambda-Extension-Name: a\r\nContent-Length: 9\r\n\r\n{}');
    socket.resume();
    await once(socket, 'close');
    expect(served.api.extensions.descriptions).toEqual([]);
  });
});

describe('GET event/next', () => {
  it('gives an invocation to who subscribed to it', async () => {
    const served = await serve('agent');
    const [agent, other] = [await registered(served, 'agent'), await registered(served, 'other', [])];
    const polled = await poll(served, agent);
    const unsubscribed = await poll(served, other);
    served.api.extensions.deliverInvoke({ ...notice, traceId: 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1' });
    const answer = await polled.answer;
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'lambda-extension-event-identifier': expect.stringMatching(uuid) });
    expect(answer.body).toBe(
      `{"eventType":"INVOKE","deadlineMs":1700000003000,"requestId":"${notice.requestId}","invokedFunctionArn":"${notice.invokedFunctionArn}",` +
        '"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1"}}',
    );
    expect(served.api.extensions.descriptions.map(({ name, state }) => [name, state])).toEqual([
      ['agent', 'Running'],
      ['other', 'Ready'],
    ]);
    other.close();
    await expect(unsubscribed.answer).rejects.toThrow();
  });

  it('leaves tracing out where there is none', async () => {
    const served = await serve();
    const agent = await registered(served, 'agent');
    const polled = await poll(served, agent);
    served.api.extensions.deliverInvoke(notice);
    expect(JSON.parse((await polled.answer).body)).not.toHaveProperty('tracing');
  });

  it('tells of the end and why', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent', ['SHUTDOWN']);
    const polled = await poll(served, agent);
    served.api.extensions.deliverInvoke(notice);
    served.api.extensions.deliverShutdown({ reason: 'spindown', deadlineMs: 1_700_000_002_000.1 });
    expect((await polled.answer).body).toBe('{"eventType":"SHUTDOWN","deadlineMs":1700000002000,"shutdownReason":"spindown"}');
  });

  it('reaches an extension that was busy as soon as it asks', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent', ['INVOKE', 'SHUTDOWN']);
    const polled = await poll(served, agent);
    served.api.extensions.deliverInvoke(notice);
    await polled.answer;
    served.api.extensions.deliverShutdown({ reason: 'timeout', deadlineMs: 1 });
    expect(JSON.parse((await agent.next()).body)).toMatchObject({ shutdownReason: 'timeout' });
  });

  it('makes an extension ready, and an event makes it unready until it asks again', async () => {
    const served = await serve('agent');
    const { extensions } = served.api;
    expect(extensions.allReady).toBe(true);
    const agent = await registered(served, 'agent');
    expect(extensions.allReady).toBe(false);
    const polled = await poll(served, agent);
    expect(extensions.allReady).toBe(true);
    extensions.deliverInvoke(notice);
    expect(extensions.allReady).toBe(false);
    await polled.answer;
    await poll(served, agent);
    expect(extensions.allReady).toBe(true);
  });

  it('asked again while it waits is 403 InvalidExtensionState', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent');
    const polled = await poll(served, agent);
    const again = await extension(served, 'agent').next(agent.identifier);
    expect(refusal(again)).toEqual([
      403,
      'Extension.InvalidExtensionState',
      `State transition from Ready to Ready failed for extension ${agent.identifier}. Error: State transition is not allowed`,
    ]);
    served.api.extensions.deliverInvoke(notice);
    expect((await polled.answer).status).toBe(200);
  });

  it('ends with its connection, and the extension may ask again', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent');
    const cut = await poll(served, agent);
    agent.close();
    await expect(cut.answer).rejects.toThrow();
    let accepted: Promise<RuntimeAnswer> | undefined;
    // The server may hear of the cut after its client: until then it refuses.
    await expect
      .poll(async () => {
        const waits = new Promise<'waits'>((resolve) => {
          served.port.onExtensionsChanged = () => resolve('waits');
        });
        accepted = extension(served, 'agent').next(agent.identifier);
        return await Promise.race([waits, accepted.then(({ status }) => status)]);
      })
      .toBe('waits');
    served.api.extensions.deliverInvoke(notice);
    expect((await accepted)?.status).toBe(200);
  });

  it('stands ready for long polls of ten extensions beside the runtime, invocation after invocation', async () => {
    const names = Array.from({ length: 10 }, (_, count) => `agent-${count}`);
    // Time stands still: what the invocations themselves earn has to pay for it.
    const served = await serveBy(new FakeClock(), names);
    const agents = await Promise.all(names.map((name) => registered(served, name)));
    const { extensions } = served.api;
    for (let count = 0; count < 300; count += 1) {
      const ready = new Promise<void>((resolve) => {
        served.port.onExtensionsChanged = () => extensions.allReady && resolve();
      });
      const answers = agents.map((agent) => agent.next());
      await ready;
      extensions.deliverInvoke(notice);
      served.port.onReady = () => served.api.deliver({ ...notice, payload: Buffer.from('{}') });
      await served.client.next();
      for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
      await served.client.respond(notice.requestId, '{}');
    }
    expect(served.port.calls.filter((call) => call.startsWith('exceeded'))).toEqual([]);
  });

  it.each(['next', 'init/error', 'exit/error'])('%s needs an identifier that belongs to somebody', async (call) => {
    const served = await serve('agent');
    const path = `/2020-01-01/extension/${call === 'next' ? 'event/next' : call}`;
    const ask = (identifier?: string) =>
      served.client.send(call === 'next' ? 'GET' : 'POST', path, {
        headers: {
          'Lambda-Extension-Function-Error-Type': 'Extension.A',
          ...(identifier === undefined ? {} : { 'Lambda-Extension-Identifier': identifier }),
        },
      });
    const missing = [403, 'Extension.MissingExtensionIdentifier', 'Missing Lambda-Extension-Identifier header'];
    expect(refusal(await ask())).toEqual(missing);
    expect(refusal(await ask(''))).toEqual(missing);
    for (const identifier of ['agent', `${strangersIdentifier}0`, strangersIdentifier.replace('a', 'g')]) {
      expect(refusal(await ask(identifier))).toEqual([403, 'Extension.InvalidExtensionIdentifier', 'Invalid Lambda-Extension-Identifier']);
    }
    const unknown = call === 'next' ? `Unknown extension ${strangersIdentifier}` : 'Unknown Lambda-Extension-Identifier';
    expect(refusal(await ask(strangersIdentifier))).toEqual([403, 'Extension.UnknownExtensionIdentifier', unknown]);
  });

  it('takes an identifier in every way of writing a UUID', async () => {
    const served = await serve();
    const agent = await registered(served, 'agent');
    const { identifier } = agent;
    for (const written of [identifier.toUpperCase(), `urn:uuid:${identifier}`, `{${identifier}}`, identifier.replaceAll('-', '')]) {
      const changed = new Promise<void>((resolve) => {
        served.port.onExtensionsChanged = resolve;
      });
      const answer = agent.next(written);
      await changed;
      served.api.extensions.deliverInvoke(notice);
      expect((await answer).status).toBe(200);
    }
  });
});

describe.each(['init', 'exit'] as const)('POST %s/error', (phase) => {
  it('is acknowledged, told once, and the last word', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent');
    expect(await agent.fail(phase, 'Extension.NoConfig', '{"errorMessage":"no"}')).toMatchObject({ status: 202, body: '{"status":"OK"}\n' });
    expect((await agent.fail(phase, 'Extension.Second')).status).toBe(202);
    expect(served.port.calls).toEqual(['registered agent', `${phase} error of agent: Extension.NoConfig`]);
    const [state, other] = phase === 'init' ? (['InitError', 'exit'] as const) : (['ExitError', 'init'] as const);
    expect(served.api.extensions.descriptions).toEqual([
      { name: 'agent', kind: 'external', state, events: ['INVOKE'], errorType: 'Extension.NoConfig' },
    ]);
    expect(served.api.extensions.allReady).toBe(false);
    for (const answer of [await agent.next(), await agent.fail(other, 'Extension.Other')]) {
      expect(refusal(answer).slice(0, 2)).toEqual([403, 'Extension.InvalidExtensionState']);
    }
  });

  it('without its error type is 403 MissingHeader', async () => {
    const served = await serve();
    const agent = await registered(served, 'agent');
    const answer = await served.client.send('POST', `/2020-01-01/extension/${phase}/error`, {
      headers: { 'Lambda-Extension-Identifier': agent.identifier },
      body: '{}',
    });
    expect(refusal(answer)).toEqual([403, 'Extension.MissingHeader', 'Lambda-Extension-Function-Error-Type not found']);
  });
});

describe('POST init/error', () => {
  it('after the first next is 403 InvalidExtensionState, POST exit/error is not', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent');
    const polled = await poll(served, agent);
    served.api.extensions.deliverInvoke(notice);
    await polled.answer;
    expect(refusal(await agent.fail('init', 'Extension.Late'))).toEqual([
      403,
      'Extension.InvalidExtensionState',
      `State transition from Running to InitError failed for extension ${agent.identifier}. Error: State transition is not allowed`,
    ]);
    expect((await agent.fail('exit', 'Extension.Broken')).status).toBe(202);
  });
});

describe('one generation after another', () => {
  it('knows no extension of the one before, not even by its identifier', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent');
    await served.api.expectRuntime();
    expect(served.api.extensions.descriptions).toEqual([]);
    const next = await extension(served, 'agent').next(agent.identifier);
    expect(refusal(next)[1]).toBe('Extension.UnknownExtensionIdentifier');
    expect((await extension(served, 'agent').register()).status).toBe(200);
    expect(served.api.extensions.descriptions).toMatchObject([{ name: 'agent', kind: 'internal' }]);
  });

  it('does not take a registration that the one before began', async () => {
    const served = await serve('agent');
    const socket = connect(served.tcpPort, '127.0.0.1');
    opened.push({ close: () => socket.destroy() });
    socket.on('error', () => {});
    socket.write('POST /2020-01-01/extension/register HTTP/1.1\r\nHost: x\r\nLambda-Extension-Name: agent\r\nContent-Length: 2\r\n\r\n{');
    // A request on another connection shows that the head has been read.
    expect((await served.client.send('GET', '/')).status).toBe(404);
    const reset = served.api.expectRuntime();
    socket.write('}');
    await reset;
    await once(socket.resume(), 'close');
    expect(served.port.registered).toEqual([]);
    expect(served.api.extensions.descriptions).toEqual([]);
  });

  it('does not hear what an ended process said in its last moment', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent');
    const last = agent.fail('exit', 'Extension.Late').then(
      (answer) => refusal(answer)[1],
      () => 'cut',
    );
    await served.api.expectRuntime();
    expect(['cut', 'Extension.UnknownExtensionIdentifier']).toContain(await last);
    expect(served.port.calls).toEqual(['registered agent']);
  });

  it('lets extensions hear of the end after the runtime has been silenced', async () => {
    const served = await serve('agent');
    const agent = await registered(served, 'agent', ['SHUTDOWN']);
    const polled = await poll(served, agent);
    served.api.suspend();
    served.api.extensions.deliverShutdown({ reason: 'failure', deadlineMs: 1 });
    expect(JSON.parse((await polled.answer).body)).toMatchObject({ eventType: 'SHUTDOWN', shutdownReason: 'failure' });
  });
});

describe('a program that cannot be started', () => {
  it('never registers, and is told of with its reason', async () => {
    const served = await serve('agent');
    served.api.extensions.launchFailed('agent', 'PermissionDenied');
    expect(served.api.extensions.allRegistered).toBe(false);
    expect(refusal(await extension(served, 'agent').register())[1]).toBe('Extension.InvalidExtensionState');
    expect(served.api.extensions.descriptions).toEqual([
      { name: 'agent', kind: 'external', state: 'LaunchError', events: [], errorType: 'PermissionDenied' },
    ]);
  });
});
