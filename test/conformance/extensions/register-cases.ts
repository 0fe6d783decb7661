import { expect } from 'vitest';
import type { ConformanceCase } from '../harness/conformance.ts';
import { docs, expectForbidden, PlayedExtension, register, respond, rie, runtimeNext, uuid } from './played-extension.ts';

const handler = `${rie} rapi/handler/agentregister.go`;
const tests = `${rie} rapi/handler/agentregister_test.go`;
const watcher = { extensions: ['watcher'] };

/** What is refused for its form, at any time and of anybody. */
const malformed: readonly {
  readonly rule: string;
  readonly source: string;
  readonly name?: string;
  readonly body: string;
  readonly errorType: string;
  readonly errorMessage: string | RegExp;
}[] = [
  {
    rule: 'without a name is refused with InvalidExtensionName',
    source: `${tests} TestRenderAgentRegisterInvalidAgentName`,
    body: '{}',
    errorType: 'Extension.InvalidExtensionName',
    errorMessage: /^Empty extension name$/,
  },
  {
    rule: 'with an empty name is refused with InvalidExtensionName',
    source: `${rie} rapi/extensions_fuzz_test.go FuzzAgentRegisterHandler`,
    name: '',
    body: '{}',
    errorType: 'Extension.InvalidExtensionName',
    errorMessage: /^Empty extension name$/,
  },
  ...['', '{', 'INVOKE', '{"events":"INVOKE"}', '{"events":[1]}', '[]', '1'].map((body) => ({
    rule: `with the body ${JSON.stringify(body)} is refused with InvalidRequestFormat`,
    source: `${rie} rapi/extensions_fuzz_test.go FuzzAgentRegisterHandler`,
    name: 'inside',
    body,
    errorType: 'InvalidRequestFormat',
    errorMessage: body === '' ? /^unexpected end of JSON input$/ : /\S/,
  })),
  {
    rule: 'that asks for configuration keys is refused with InvalidRequestFormat',
    source: `${handler} parseRegister`,
    name: 'inside',
    body: '{"events":[],"configurationKeys":["a"]}',
    errorType: 'InvalidRequestFormat',
    errorMessage: /^configurationKeys are deprecated; use environment variables instead$/,
  },
  ...['abcdef', 'invoke', 'RESTORE'].map((event) => ({
    rule: `of an internal extension for ${event} is refused with InvalidEventType`,
    source: `${tests} TestInternalAgentInvalidEventType`,
    name: 'inside',
    body: JSON.stringify({ events: [event] }),
    errorType: 'Extension.InvalidEventType',
    errorMessage: new RegExp(`^${event}: ErrorInvalidEventType$`),
  })),
  {
    rule: 'of an internal extension for SHUTDOWN is refused with InvalidEventType',
    source: `${tests} TestInternalAgentShutdownSubscription; ${docs}, "Lifecycle"`,
    name: 'inside',
    body: '{"events":["INVOKE","SHUTDOWN"]}',
    errorType: 'Extension.InvalidEventType',
    errorMessage: /^SHUTDOWN: ShutdownEventNotSupportedForInternalExtension$/,
  },
  {
    rule: 'after the runtime asked for its first event is refused with RegistrationClosed',
    source: `${tests} TestRenderAgentRegisterRegistrationClosed; ${docs}, "Init phase"`,
    name: 'inside',
    body: '{"events":["INVOKE"]}',
    errorType: 'Extension.RegistrationClosed',
    errorMessage: /^Extension registration closed already$/,
  },
];

/** POST /extension/register. */
export const registerCases: readonly ConformanceCase[] = [
  {
    rule: 'a registration is answered with the function, its version and handler, and an identifier',
    source: `${docs}, "Register"; ${tests} TestRenderAgentResponse`,
    function: watcher,
    run: async (stage) => {
      stage.invoke();
      const api = await (await stage.process('watcher')).connect();
      const registered = await register(api, 'watcher', '{"events":["INVOKE","SHUTDOWN"]}');
      expect({ status: registered.status, type: registered.header('content-type') }).toEqual({ status: 200, type: 'application/json' });
      expect(registered.text).toBe(`{"functionName":"${stage.functionName}","functionVersion":"$LATEST","handler":"index.handler"}\n`);
      expect(registered.header('lambda-extension-identifier')).toMatch(uuid);
    },
  },
  {
    rule: 'the account is told to who accepts that feature, and features that nobody knows are ignored',
    source: `${docs}, "Register"; ${tests} TestRenderAgentResponse "account id feature and some non-existing feature"`,
    function: { extensions: ['one', 'two'] },
    run: async (stage) => {
      stage.invoke();
      const accept = { 'Lambda-Extension-Accept-Feature': 'some_non_existing_feature, accountId' };
      const told = await register(await (await stage.process('one')).connect(), 'one', '{}', accept);
      expect(told.json()).toEqual({
        accountId: stage.daemon.credentials.accountId,
        functionName: stage.functionName,
        functionVersion: '$LATEST',
        handler: 'index.handler',
      });
      const untold = await register(await (await stage.process('two')).connect(), 'two', '{}', { 'Lambda-Extension-Accept-Feature': 'nothing' });
      expect(Object.keys(untold.json())).toEqual(['functionName', 'functionVersion', 'handler']);
    },
  },
  ...malformed.map(
    ({ rule, source, name, body, errorType, errorMessage }): ConformanceCase => ({
      rule: `a registration ${rule}`,
      source,
      reuse: true,
      run: async (stage) => {
        const { api, event, answer, runtime } = await stage.begin();
        expectForbidden(await register(await runtime.connect(), name, body), errorType, errorMessage);
        await respond(api, event);
        expect((await answer).value).toBe('done');
      },
    }),
  ),
  {
    rule: 'a refused registration of an external extension changes nothing: it may register again',
    source: `${tests} TestExternalAgentInvalidEventType`,
    function: watcher,
    run: async (stage) => {
      stage.invoke();
      const api = await (await stage.process('watcher')).connect();
      for (let tries = 0; tries < 2; tries += 1) {
        expectForbidden(
          await register(api, 'watcher', '{"events":["INVOKE","abcdef"]}'),
          'Extension.InvalidEventType',
          /^abcdef: ErrorInvalidEventType$/,
        );
      }
      expect((await register(api, 'watcher', '{"events":["INVOKE"]}')).status).toBe(200);
    },
  },
  {
    rule: 'a second registration of an external extension is refused with InvalidExtensionState',
    source: `${tests} TestRenderAgentRegisterInvalidAgentState`,
    function: watcher,
    run: async (stage) => {
      stage.invoke();
      const { api } = await PlayedExtension.meet(stage, 'watcher');
      expectForbidden(
        await register(api, 'watcher', '{"events":["INVOKE"]}'),
        'Extension.InvalidExtensionState',
        /^State transition from Registered to Registered failed for extension watcher\. Error: State transition is not allowed$/,
      );
    },
  },
  {
    rule: 'a second registration by the name of an internal extension is refused with InvalidExtensionState',
    source: `${handler} registerInternalAgent; ${rie} core/agentsmap_test.go`,
    run: async (stage) => {
      stage.invoke();
      const { api } = await PlayedExtension.register(await stage.process(), 'inside', ['INVOKE']);
      expectForbidden(await register(api, 'inside', '{}'), 'Extension.InvalidExtensionState', /^Extension with this name already registered$/);
    },
  },
  {
    rule: 'an eleventh extension is refused with TooManyExtensions, external and internal ones counted together',
    source: `${docs}, "Register": at most 10; ${rie} core/registrations.go MaxAgentsAllowed`,
    function: watcher,
    run: async (stage) => {
      const answer = stage.invoke();
      const watching = await PlayedExtension.meet(stage, 'watcher', []);
      watching.askForNext();
      const runtime = await stage.process();
      const inside: PlayedExtension[] = [];
      for (let count = 0; count < 9; count += 1) inside.push(await PlayedExtension.register(runtime, `inside-${count}`, []));
      const api = await runtime.connect();
      expectForbidden(await register(api, 'inside-9', '{}'), 'Extension.TooManyExtensions', /^Extension limit \(10\) reached$/);
      for (const extension of inside) extension.askForNext();
      // All eleven wait at the same time, and the function works.
      await respond(api, await api.ask(runtimeNext));
      expect((await answer).value).toBe('done');
    },
  },
  {
    rule: 'only a registration by the name of its file is that of an external extension',
    source: `${docs}, "Register": the full file name of the extension; ${handler} ServeHTTP`,
    function: watcher,
    run: async (stage) => {
      const answer = stage.invoke();
      const actor = await stage.process('watcher');
      const other = await PlayedExtension.register(actor, 'other', ['INVOKE']);
      other.askForNext();
      // The init waits for the one by the right name: the runtime comes up only after it.
      await expect(stage.process('runtime', 300)).rejects.toThrow('no process of runtime came up');
      const watching = await PlayedExtension.register(actor, 'watcher', ['INVOKE']);
      watching.askForNext();
      const api = await (await stage.process()).connect();
      await respond(api, await api.ask(runtimeNext));
      expect((await answer).value).toBe('done');
      expect((await other.event()).json()).toMatchObject({ eventType: 'INVOKE' });
    },
  },
];
