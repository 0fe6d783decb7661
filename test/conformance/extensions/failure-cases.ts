import { expect } from 'vitest';
import type { ActorProcess } from '../harness/actor-process.ts';
import type { ConformanceCase } from '../harness/conformance.ts';
import type { Stage } from '../harness/stage.ts';
import type { FunctionShape } from '../harness/stage-stock.ts';
import { docs, expectForbidden, PlayedExtension, respond, rie, runtimeNext } from './played-extension.ts';

const watcher = { extensions: ['watcher'] };
const states = `${rie} core/externalagent_states.go`;
const exits = `${rie} rapid/handlers.go watchEvents; fatalerror/fatalerror.go`;

function expectAccepted({ status, text }: { readonly status: number; readonly text: string }): void {
  expect([status, text]).toEqual([202, '{"status":"OK"}\n']);
}

/** What the log tells of the inits of a process's environment, and of its extensions at their end. */
async function initLines(stage: Stage, runtime: ActorProcess): Promise<readonly string[]> {
  return (await stage.log(runtime))
    .filter((line) => /^(EXTENSION|INIT_REPORT)/.test(line))
    .map((line) => line.replace(/Duration: [\d.]+ ms/, 'Duration'));
}

/** How an extension ends while it inits, what that is called, and how the client is told. */
const initEnds: readonly {
  readonly rule: string;
  readonly errorType: string;
  readonly reason: string;
  readonly state: string;
  readonly end: (extension: PlayedExtension) => Promise<void>;
}[] = [
  {
    rule: 'reports an init error and exits fails its init with Extension.InitError',
    errorType: 'Extension.InitError',
    reason: 'exit status 1',
    state: 'State: InitError\tEvents: [INVOKE]\tError Type: Extension.NoConfig',
    end: async (extension) => {
      expectAccepted(await extension.fail('init', 'Extension.NoConfig'));
      extension.actor.exit(1);
    },
  },
  {
    rule: 'reports an exit error in its init and exits fails it with Extension.ExitError',
    errorType: 'Extension.ExitError',
    reason: 'exit code 0',
    state: 'State: ExitError\tEvents: [INVOKE]\tError Type: Extension.Broken',
    end: async (extension) => {
      expectAccepted(await extension.fail('exit', 'Extension.Broken'));
      extension.actor.exit(0);
    },
  },
  {
    rule: 'exits in its init without a word fails it with Extension.Crash',
    errorType: 'Extension.Crash',
    reason: 'exit status 3',
    state: 'State: Registered\tEvents: [INVOKE]',
    end: async (extension) => extension.actor.exit(3),
  },
  {
    rule: 'is killed in its init fails it with Extension.Crash',
    errorType: 'Extension.Crash',
    reason: 'signal: killed',
    state: 'State: Registered\tEvents: [INVOKE]',
    end: async (extension) => extension.actor.raise('SIGKILL'),
  },
];

/** The same within an invocation. */
const invokeEnds: readonly {
  readonly rule: string;
  readonly errorType: string;
  readonly reason: string;
  readonly end: (extension: PlayedExtension) => Promise<void>;
}[] = [
  {
    rule: 'reports an exit error and exits',
    errorType: 'Extension.ExitError',
    reason: 'exit status 2',
    end: async (extension) => {
      expectAccepted(await extension.fail('exit', 'Extension.Broken'));
      extension.actor.exit(2);
    },
  },
  { rule: 'exits without a word', errorType: 'Extension.Crash', reason: 'exit code 0', end: async (extension) => extension.actor.exit(0) },
];

const launch = `${rie} core/registrations.go MapErrorToAgentInfoErrorType, rapid/handlers.go doInitExtensions`;

/** What cannot be started, and how that is told. */
const launchFailures: readonly {
  readonly what: string;
  readonly source: string;
  readonly function: FunctionShape;
  readonly errorType: string;
  readonly reason: string;
}[] = [
  {
    what: 'a file of the extensions that may not be executed',
    source: `aws-samples/aws-lambda-extensions#38, a recorded answer; ${launch}`,
    function: { otherExtension: { name: 'plain', content: '#!/bin/sh\n', mode: 0o100644 } },
    errorType: 'PermissionDenied',
    reason: 'fork/exec /opt/extensions/plain: permission denied',
  },
  {
    what: 'a file of the extensions that is no program',
    source: `elastic/apm-aws-lambda#92, a recorded answer; ${launch}`,
    function: { otherExtension: { name: 'garbage', content: 'neither script nor program', mode: 0o100755 } },
    errorType: 'UnknownError',
    reason: 'fork/exec /opt/extensions/garbage: exec format error',
  },
  {
    what: 'an extension whose interpreter is not there',
    source: `aws-samples/aws-lambda-extensions#54, a recorded answer; ${launch}`,
    function: { otherExtension: { name: 'orphan', content: '#!/nowhere\n', mode: 0o100755 } },
    errorType: 'UnknownError',
    reason: 'fork/exec /opt/extensions/orphan: no such file or directory',
  },
  {
    what: 'an eleventh file of the extensions',
    source: `${docs}: at most 10; ${launch}`,
    function: { extensions: Array.from({ length: 11 }, (_, index) => `agent-${index}`) },
    errorType: 'TooManyExtensions',
    reason: 'ErrTooManyExtensions',
  },
];

/** POST /extension/init/error and /extension/exit/error, and how extensions fail. */
export const failureCases: readonly ConformanceCase[] = [
  ...initEnds.map(
    ({ rule, errorType, reason, state, end }): ConformanceCase => ({
      rule: `an extension that ${rule}; the init is run again with the invocation`,
      source: `${docs}, "Init error" and "Exit error"; ${exits}`,
      function: watcher,
      run: async (stage) => {
        const answer = stage.invoke();
        const runtimes: ActorProcess[] = [];
        for (let generation = 1; generation <= 2; generation += 1) {
          const extension = await PlayedExtension.meet(stage, 'watcher', ['INVOKE']);
          expect(extension.actor.hello.generation).toBe(generation);
          runtimes.push(await stage.process());
          await end(extension);
          await extension.actor.ended();
        }
        const { value, functionError, requestId } = await answer;
        expect(functionError).toBe('Unhandled');
        expect(value).toEqual({ errorType, errorMessage: `RequestId: ${requestId} Error: ${reason}` });
        const [runtime] = runtimes;
        expect(runtime && (await initLines(stage, runtime))).toEqual([
          `EXTENSION\tName: watcher\t${state}\n`,
          `INIT_REPORT Init Duration\tPhase: init\tStatus: error\tError Type: ${errorType}\n`,
          `EXTENSION\tName: watcher\t${state}\n`,
          `INIT_REPORT Init Duration\tPhase: invoke\tStatus: error\tError Type: ${errorType}\n`,
        ]);
      },
    }),
  ),
  ...launchFailures.map(
    ({ what, function: shape, errorType, reason, source }): ConformanceCase => ({
      rule: `${what} fails the init with Extension.LaunchError, and the runtime is never started`,
      source,
      function: shape,
      run: async (stage) => {
        const { value, functionError, requestId, log } = await stage.invoke({}, { LogType: 'Tail' });
        expect([functionError, value]).toEqual([
          'Unhandled',
          { errorType: 'Extension.LaunchError', errorMessage: `RequestId: ${requestId} Error: ${reason}` },
        ]);
        expect(log).toMatch(/^REPORT .*\tStatus: error\tError Type: Extension\.LaunchError\t$/m);
        expect(log).toMatch(new RegExp(`^EXTENSION\tName: \\S+\tState: LaunchError\tEvents: \\[\\]\tError Type: ${errorType}$`, 'm'));
        await expect(stage.process('runtime', 50)).rejects.toThrow('no process of runtime came up');
      },
    }),
  ),
  {
    rule: 'an extension that exits before it has registered fails the init, and the runtime is never started',
    source: exits,
    function: watcher,
    run: async (stage) => {
      const answer = stage.invoke();
      for (let tries = 0; tries < 2; tries += 1) (await stage.process('watcher')).exit(0);
      const { value, requestId } = await answer;
      expect(value).toEqual({ errorType: 'Extension.Crash', errorMessage: `RequestId: ${requestId} Error: exit code 0` });
      await expect(stage.process('runtime', 100)).rejects.toThrow('no process of runtime came up');
    },
  },
  ...invokeEnds.map(
    ({ rule, errorType, reason, end }): ConformanceCase => ({
      rule: `an extension that ${rule} during an invocation fails it with ${errorType}, and the next one has new processes`,
      source: `${docs}, "Exit error"; ${exits}`,
      function: watcher,
      run: async (stage) => {
        const answer = stage.invoke();
        const extension = await PlayedExtension.meet(stage, 'watcher', ['INVOKE']);
        extension.askForNext();
        const runtime = await stage.process();
        await (await runtime.connect()).ask(runtimeNext);
        await extension.event();
        await end(extension);
        const { value, functionError, requestId } = await answer;
        expect([functionError, value]).toEqual(['Unhandled', { errorType, errorMessage: `RequestId: ${requestId} Error: ${reason}` }]);
        await runtime.ended();

        const again = stage.invoke();
        const other = await PlayedExtension.meet(stage, 'watcher', ['INVOKE']);
        expectForbidden(await other.askElsewhere(extension.identifier), 'Extension.UnknownExtensionIdentifier', /^Unknown extension /);
        other.askForNext();
        const api = await (await stage.process()).connect();
        await respond(api, await api.ask(runtimeNext));
        expect((await again).value).toBe('done');
      },
    }),
  ),
  {
    rule: 'a report may be repeated, and nothing else of the extension is taken after it',
    source: `${docs}, "Init error": no further API calls succeed; ${states} ExternalAgentInitErrorState`,
    function: watcher,
    run: async (stage) => {
      stage.invoke();
      const extension = await PlayedExtension.meet(stage, 'watcher');
      expectAccepted(await extension.fail('init', 'Extension.NoConfig'));
      expectAccepted(await extension.fail('init', 'Extension.Second', 'no JSON at all'));
      expectForbidden(
        await extension.askElsewhere(),
        'Extension.InvalidExtensionState',
        `State transition from InitError to Ready failed for extension ${extension.identifier}. Error: State transition is not allowed`,
      );
      expectForbidden(
        await extension.fail('exit', 'Extension.Third'),
        'Extension.InvalidExtensionState',
        /^State transition from InitError to ExitError/,
      );
    },
  },
  ...(['init', 'exit'] as const).map(
    (phase): ConformanceCase => ({
      rule: `an ${phase} error without its type is refused with MissingHeader`,
      source: `${rie} rapi/handler/agentiniterror_test.go, rapi/handler/agent${phase}error.go`,
      function: watcher,
      run: async (stage) => {
        stage.invoke();
        const extension = await PlayedExtension.meet(stage, 'watcher');
        expectForbidden(await extension.fail(phase, undefined), 'Extension.MissingHeader', /^Lambda-Extension-Function-Error-Type not found$/);
      },
    }),
  ),
  {
    rule: 'an init error of an extension that has asked for an event is refused with InvalidExtensionState',
    source: `${states} ExternalAgentRunningState`,
    function: watcher,
    run: async (stage) => {
      const answer = stage.invoke();
      const extension = await PlayedExtension.meet(stage, 'watcher');
      extension.askForNext();
      const api = await (await stage.process()).connect();
      const event = await api.ask(runtimeNext);
      await extension.event();
      expectForbidden(
        await extension.fail('init', 'Extension.Late'),
        'Extension.InvalidExtensionState',
        /^State transition from Running to InitError/,
      );
      await respond(api, event);
      expect((await answer).value).toBe('done');
    },
  },
  {
    rule: 'an extension that goes beyond the bounds of the API ends its environment, and nobody else’s',
    source: 'docs/walls/runtime-api.md: 32 connections; this is not Lambda’s',
    function: watcher,
    run: async (stage) => {
      const answer = stage.invoke();
      const { actor } = await PlayedExtension.meet(stage, 'watcher');
      const connections = Array.from({ length: 150 }, () => actor.connect().catch(() => undefined));
      const { functionError, value } = await answer;
      await Promise.all(connections);
      expect([functionError, value]).toEqual(['Unhandled', expect.objectContaining({ errorType: 'Runtime.ApiLimitExceeded' })]);
      await actor.ended();
    },
  },
];
