import { expect } from 'vitest';
import type { ConformanceCase } from '../harness/conformance.ts';
import type { Begun, Stage } from '../harness/stage.ts';
import { docs, expectForbidden, PlayedExtension, respond, rie, runtimeNext, uuid } from './played-extension.ts';

const next = `${docs}, "Next"`;
const middleware = `${rie} rapi/middleware/middleware.go AgentUniqueIdentifierHeaderValidator`;
const watcher = { extensions: ['watcher'] };
const stranger = 'a1b2c3d4-5678-4abc-8def-0123456789ab';

/** An invocation that has reached both, the runtime and a watching extension. */
async function beginWatched(stage: Stage): Promise<Begun & { readonly watcher: PlayedExtension }> {
  const answer = stage.invoke();
  const watching = await PlayedExtension.meet(stage, 'watcher');
  watching.askForNext();
  const runtime = await stage.process();
  const api = await runtime.connect();
  const event = await api.ask(runtimeNext);
  return { answer, runtime, api, event, requestId: event.header('lambda-runtime-aws-request-id') ?? '', watcher: watching };
}

const foreign: readonly (readonly [what: string, identifier: string | undefined, errorType: string, message: RegExp, source: string])[] = [
  ['no identifier', undefined, 'Extension.MissingExtensionIdentifier', /^Missing Lambda-Extension-Identifier header$/, middleware],
  ['an empty identifier', '', 'Extension.MissingExtensionIdentifier', /^Missing Lambda-Extension-Identifier header$/, middleware],
  ['what is no UUID', 'watcher', 'Extension.InvalidExtensionIdentifier', /^Invalid Lambda-Extension-Identifier$/, middleware],
  ["nobody's UUID", stranger, 'Extension.UnknownExtensionIdentifier', /^Unknown /, `${rie} rapi/handler/agentnext.go`],
];

/** GET /extension/event/next. */
export const eventCases: readonly ConformanceCase[] = [
  {
    rule: 'an invocation is told with its id, ARN, deadline and trace, and with an identifier of the event, but without its payload',
    source: `${next}; ${rie} rapi/model/agentevent.go, rapi/rendering/rendering.go RenderAgentEvent`,
    function: watcher,
    run: async (stage) => {
      const begun = await beginWatched(stage);
      const told = await begun.watcher.event();
      expect({ status: told.status, type: told.header('content-type') }).toEqual({ status: 200, type: 'application/json' });
      expect(told.header('lambda-extension-event-identifier')).toMatch(uuid);
      const trace = begun.event.header('lambda-runtime-trace-id');
      expect(trace).toMatch(/^Root=1-/);
      expect(told.json()).toEqual({
        eventType: 'INVOKE',
        deadlineMs: Number(begun.event.header('lambda-runtime-deadline-ms')),
        requestId: begun.requestId,
        invokedFunctionArn: begun.event.header('lambda-runtime-invoked-function-arn'),
        tracing: { type: 'X-Amzn-Trace-Id', value: trace },
      });
      await respond(begun.api, begun.event);
      expect((await begun.answer).value).toBe('done');
    },
  },
  {
    rule: 'each invocation is told once, with an event identifier of its own, on a connection that stays',
    source: next,
    function: watcher,
    run: async (stage) => {
      const begun = await beginWatched(stage);
      const first = await begun.watcher.event();
      await respond(begun.api, begun.event);
      begun.watcher.askForNext();
      await begun.answer;
      const second = await stage.beginNext(begun);
      const told = await begun.watcher.event();
      expect(told.json()['requestId']).toBe(second.requestId);
      expect(first.json()['requestId']).toBe(begun.requestId);
      expect(told.header('lambda-extension-event-identifier')).not.toBe(first.header('lambda-extension-event-identifier'));
      await respond(second.api, second.event);
      expect((await second.answer).value).toBe('done');
    },
  },
  {
    rule: 'asked while it waits already is refused with InvalidExtensionState, and the first question stands',
    source: `${rie} core/externalagent_states.go ExternalAgentReadyState`,
    function: watcher,
    run: async (stage) => {
      const answer = stage.invoke();
      const watching = await PlayedExtension.meet(stage, 'watcher');
      watching.askForNext();
      const runtime = await stage.process();
      expectForbidden(
        await watching.askElsewhere(),
        'Extension.InvalidExtensionState',
        `State transition from Ready to Ready failed for extension ${watching.identifier}. Error: State transition is not allowed`,
      );
      const api = await runtime.connect();
      const event = await api.ask(runtimeNext);
      expect((await watching.event()).status).toBe(200);
      await respond(api, event);
      expect((await answer).value).toBe('done');
    },
  },
  {
    rule: 'a question whose connection has ended may be asked again, and the event goes where it is asked last',
    source: 'a client that loses its connection asks again; the emulator would write the event to the connection that is gone',
    function: watcher,
    run: async (stage) => {
      const answer = stage.invoke();
      const lost = await PlayedExtension.meet(stage, 'watcher');
      lost.askForNext();
      const runtime = await stage.process();
      lost.api.reset();
      const again = await lost.actor.connect();
      const headers = { 'Lambda-Extension-Identifier': lost.identifier };
      again.send({ path: '/2020-01-01/extension/event/next', headers });
      const api = await runtime.connect();
      const event = await api.ask(runtimeNext);
      expect((await again.answer()).json()).toMatchObject({ eventType: 'INVOKE' });
      await respond(api, event);
      expect((await answer).value).toBe('done');
    },
  },
  ...foreign.map(
    ([what, identifier, errorType, message, source]): ConformanceCase => ({
      rule: `a question with ${what} is refused with ${errorType}`,
      source,
      reuse: true,
      run: async (stage) => {
        const { api, event, answer, runtime } = await stage.begin();
        for (const [path, method] of [
          ['event/next', 'GET'],
          ['init/error', 'POST'],
          ['exit/error', 'POST'],
        ] as const) {
          const headers: Record<string, string> = {
            'Lambda-Extension-Function-Error-Type': 'Extension.Broken',
            ...(identifier === undefined ? {} : { 'Lambda-Extension-Identifier': identifier }),
          };
          const refused = await (await runtime.connect()).ask({ path: `/2020-01-01/extension/${path}`, method, headers });
          expectForbidden(refused, errorType, message);
        }
        await respond(api, event);
        expect((await answer).value).toBe('done');
      },
    }),
  ),
  {
    rule: 'paths that the API does not have are answered 404, and wrong methods 405',
    source: `${rie} rapi/router.go ExtensionsRouter`,
    reuse: true,
    run: async (stage) => {
      const { api, event, answer, runtime } = await stage.begin();
      const ask = async (method: 'GET' | 'POST' | 'PUT', path: string) => (await (await runtime.connect()).ask({ method, path })).status;
      for (const path of [
        '/2020-01-01/extension',
        '/2020-01-01/extension/event',
        '/2020-01-02/extension/register',
        '/2020-01-01/extension/register/',
      ]) {
        expect(await ask('GET', path)).toBe(404);
      }
      expect(await ask('GET', '/2020-01-01/extension/register')).toBe(405);
      expect(await ask('POST', '/2020-01-01/extension/event/next')).toBe(405);
      expect(await ask('PUT', '/2020-01-01/extension/init/error')).toBe(405);
      expect(await ask('GET', '/2020-01-01/extension/exit/error')).toBe(405);
      await respond(api, event);
      expect((await answer).value).toBe('done');
    },
  },
];
