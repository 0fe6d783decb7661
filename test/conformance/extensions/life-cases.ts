import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { ConformanceCase } from '../harness/conformance.ts';
import { docs, PlayedExtension, respond, rie, runtimeNext } from './played-extension.ts';

const lifecycle = 'AWS: Lambda execution environment lifecycle';

/** What init and invocation wait for. */
export const lifeCases: readonly ConformanceCase[] = [
  {
    rule: 'all extensions are started, side by side, before the runtime, which is started when they have registered',
    source: `${docs}, "Init phase"; ${rie} rapid/handlers.go doInitExtensions`,
    function: { extensions: ['one', 'two', 'three'] },
    run: async (stage) => {
      const answer = stage.invoke();
      const [one, two, three] = [await stage.process('one'), await stage.process('two'), await stage.process('three')];
      const first = await PlayedExtension.register(one, 'one', []);
      const second = await PlayedExtension.register(two, 'two', []);
      await expect(stage.process('runtime', 300)).rejects.toThrow('no process of runtime came up');
      const third = await PlayedExtension.register(three, 'three', []);
      const api = await (await stage.process()).connect();
      for (const extension of [first, second, third]) extension.askForNext();
      await respond(api, await api.ask(runtimeNext));
      expect((await answer).value).toBe('done');
    },
  },
  {
    rule: 'the init ends when the runtime and every extension have asked for their first event, and no event comes before',
    source: `${docs}, "Init phase"; ${lifecycle}, "Init phase"`,
    function: { extensions: ['watcher'] },
    run: async (stage) => {
      const answer = stage.invoke();
      const watcher = await PlayedExtension.meet(stage, 'watcher');
      const runtime = await stage.process();
      const inside = await PlayedExtension.register(runtime, 'inside', ['INVOKE']);
      const api = await runtime.connect();
      api.send({ path: runtimeNext });
      watcher.askForNext();
      await expect(api.answer(300)).rejects.toThrow('passed before an answer came');
      inside.askForNext();
      await respond(api, await api.answer());
      expect((await answer).value).toBe('done');
      for (const extension of [watcher, inside]) expect((await extension.event()).json()).toMatchObject({ eventType: 'INVOKE' });
    },
  },
  {
    rule: 'the client is answered at once, and the invocation ends when every subscribed extension has asked again',
    source: `${docs}, "Invoke phase"; ${lifecycle}, "Invoke phase": the duration is the sum of all invocation time (runtime + extensions)`,
    function: { extensions: ['watcher'] },
    run: async (stage) => {
      const answer = stage.invoke();
      const watcher = await PlayedExtension.meet(stage, 'watcher');
      watcher.askForNext();
      const runtime = await stage.process();
      const api = await runtime.connect();
      const event = await api.ask(runtimeNext);
      await watcher.event();
      await respond(api, event);
      expect((await answer).value).toBe('done');
      // The extension goes on for so long after everybody else has done: the environment lives, and the time counts.
      api.send({ path: runtimeNext });
      await delay(400);
      watcher.askForNext();
      const isReport = (line: string) => line.startsWith('REPORT ');
      await expect.poll(async () => (await stage.log(runtime)).some(isReport), { timeout: 5_000 }).toBe(true);
      const report = (await stage.log(runtime)).find(isReport) ?? '';
      expect(Number(/\tDuration: ([\d.]+) ms/.exec(report)?.[1])).toBeGreaterThanOrEqual(400);
    },
  },
  {
    rule: 'an extension that has not subscribed to INVOKE is not told of invocations and not waited for',
    source: `${docs}, "Register"; ${rie} rapid/handlers.go doInvoke SetAgentsReadyCount`,
    function: { extensions: ['watcher'] },
    run: async (stage) => {
      const answer = stage.invoke({}, { LogType: 'Tail' });
      const watcher = await PlayedExtension.meet(stage, 'watcher', ['SHUTDOWN']);
      watcher.askForNext();
      const runtime = await stage.process();
      const api = await runtime.connect();
      await respond(api, await api.ask(runtimeNext));
      api.send({ path: runtimeNext });
      // With its log, the answer comes when the invocation has ended.
      expect((await answer).log).toMatch(/^REPORT /m);
      expect(watcher.api.unread).toBe('');
    },
  },
  {
    rule: 'an extension finds the function’s variables but for those of the runtime alone, and its /tmp',
    source: `${docs}, "Environment variables" and "Extensions share /tmp"`,
    function: { extensions: ['watcher'], settings: { Environment: { Variables: { OWN: 'yes' } } } },
    run: async (stage) => {
      stage.invoke();
      const { actor } = await PlayedExtension.meet(stage, 'watcher');
      const runtime = await stage.process();
      const [inside, outside] = [runtime.hello.variables, actor.hello.variables];
      expect(outside).toMatchObject({
        OWN: 'yes',
        AWS_LAMBDA_RUNTIME_API: inside['AWS_LAMBDA_RUNTIME_API'],
        AWS_LAMBDA_FUNCTION_NAME: stage.functionName,
        AWS_ACCESS_KEY_ID: inside['AWS_ACCESS_KEY_ID'],
        AWS_SESSION_TOKEN: inside['AWS_SESSION_TOKEN'],
      });
      for (const name of [
        '_HANDLER',
        'AWS_EXECUTION_ENV',
        'AWS_LAMBDA_LOG_GROUP_NAME',
        'AWS_LAMBDA_LOG_STREAM_NAME',
        'LAMBDA_TASK_ROOT',
        'LAMBDA_RUNTIME_DIR',
      ]) {
        expect(outside).not.toHaveProperty(name);
      }
      expect(actor.hello.uid).toBe(runtime.hello.uid);
      await actor.writeFile('/tmp/shared', 'of the extension');
      expect(await runtime.readFile('/tmp/shared')).toBe('of the extension');
    },
  },
  {
    rule: 'the log tells of each extension at the end of the init: its name, its state and its events',
    source: `${rie} rapid/handlers.go logAgentsInitStatus; Lambda's log line EXTENSION`,
    function: { extensions: ['watcher', 'quiet'] },
    run: async (stage) => {
      const answer = stage.invoke();
      const [watcher, quiet] = [await PlayedExtension.meet(stage, 'watcher'), await PlayedExtension.meet(stage, 'quiet', [])];
      const runtime = await stage.process();
      const inside = await PlayedExtension.register(runtime, 'inside', ['INVOKE']);
      for (const extension of [watcher, quiet, inside]) extension.askForNext();
      const api = await runtime.connect();
      await respond(api, await api.ask(runtimeNext));
      await answer;
      const lines = (await stage.log(runtime)).filter((line) => line.startsWith('EXTENSION'));
      expect(lines.toSorted()).toEqual([
        'EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]\n',
        'EXTENSION\tName: quiet\tState: Ready\tEvents: []\n',
        'EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n',
      ]);
    },
  },
];
