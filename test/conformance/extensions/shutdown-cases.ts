import { expect } from 'vitest';
import type { ActorProcess } from '../harness/actor-process.ts';
import type { ConformanceCase } from '../harness/conformance.ts';
import type { Stage } from '../harness/stage.ts';
import { docs, type ExtensionEvents, PlayedExtension, respond, rie, runtimeNext } from './played-extension.ts';

const shutdown = `${docs}, "Shutdown phase"`;
const watcher = { extensions: ['watcher'] };

interface Served {
  readonly runtime: ActorProcess;
  readonly extension: PlayedExtension;
}

/** An external extension with a runtime in its first invocation. */
async function begin(stage: Stage, events: ExtensionEvents) {
  const answer = stage.invoke();
  const extension = await PlayedExtension.meet(stage, 'watcher', events);
  extension.askForNext();
  const runtime = await stage.process();
  const api = await runtime.connect();
  return { answer, extension, runtime, api, event: await api.ask(runtimeNext) };
}

/** One that has served, and whose runtime and extension wait. `meanwhile` runs before they do: what waits may be frozen. */
async function serve(stage: Stage, events: ExtensionEvents, meanwhile: (runtime: ActorProcess) => void = () => {}): Promise<Served> {
  const { answer, extension, runtime, api, event } = await begin(stage, events);
  meanwhile(runtime);
  // Its answer shows that it has done what it was told.
  await runtime.now();
  await respond(api, event);
  if (events.includes('INVOKE')) {
    await extension.event();
    extension.askForNext();
  }
  await answer;
  api.send({ path: runtimeNext });
  return { runtime, extension };
}

/** Ends the environment as an operator does; resolves with the milliseconds that it took. */
async function stop(stage: Stage, { environmentId }: ActorProcess): Promise<number> {
  const sinceMs = performance.now();
  await stage.admin.post(`environments/${environmentId}/stop`);
  return performance.now() - sinceMs;
}

/** Resolves when the environment could serve again: until then an invocation gets another one. */
async function hasReset(stage: Stage, { environmentId }: ActorProcess): Promise<void> {
  const state = async () => {
    const { environments } = (await stage.admin.get('environments')) as { environments: { id: string; state: string }[] };
    return environments.find(({ id }) => id === environmentId)?.state;
  };
  await expect.poll(state, { timeout: 5_000 }).toBe('claimed');
}

/** How an environment, or its processes, end. */
export const shutdownCases: readonly ConformanceCase[] = [
  {
    rule: 'an environment that nobody needs ends its runtime by SIGTERM, then tells its extensions SHUTDOWN with the reason spindown',
    source: `${shutdown}; ${rie} rapid/shutdown.go, rapi/model/agentevent.go`,
    function: watcher,
    run: async (stage) => {
      const { runtime, extension } = await serve(stage, ['INVOKE', 'SHUTDOWN']);
      const beforeMs = Date.now();
      const stopped = stop(stage, runtime);
      await runtime.signalled('SIGTERM');
      const event = await extension.event();
      expect({ status: event.status, type: event.header('content-type') }).toEqual({ status: 200, type: 'application/json' });
      expect(event.json()).toEqual({ eventType: 'SHUTDOWN', deadlineMs: expect.any(Number), shutdownReason: 'spindown' });
      const deadlineMs = Number(event.json()['deadlineMs']);
      expect(deadlineMs).toBeGreaterThanOrEqual(beforeMs + 2_000);
      expect(deadlineMs).toBeLessThanOrEqual(Date.now() + 2_000);
      await runtime.ended();
      extension.actor.exit(0);
      // It does not wait for the rest of its time.
      expect(await stopped).toBeLessThan(deadlineMs - beforeMs + 2_000);
    },
  },
  {
    rule: 'a runtime that stays after SIGTERM is killed when its share of the time is over, and only then is the extension told',
    source: `${shutdown}; ${rie} rapid/shutdown.go runtimeDeadlineShare`,
    function: watcher,
    run: async (stage) => {
      const { runtime, extension } = await serve(stage, ['SHUTDOWN'], (actor) => actor.onSignal('SIGTERM', 'stay'));
      const stopped = stop(stage, runtime);
      await runtime.signalled('SIGTERM');
      const sinceMs = performance.now();
      await extension.event();
      expect(performance.now() - sinceMs).toBeGreaterThanOrEqual(200);
      await runtime.ended();
      extension.actor.exit(0);
      await stopped;
    },
  },
  {
    rule: 'an extension that stays after SHUTDOWN is killed two seconds after the shutdown began',
    source: `${shutdown}: 2,000 ms with a registered external extension`,
    function: watcher,
    run: async (stage) => {
      const { runtime, extension } = await serve(stage, ['SHUTDOWN']);
      const stopped = stop(stage, runtime);
      await extension.event();
      expect(await stopped).toBeGreaterThanOrEqual(1_900);
      expect(extension.actor.signals).toEqual([]);
      await extension.actor.ended();
    },
  },
  {
    rule: 'an extension that has not subscribed to SHUTDOWN is killed at once',
    source: `${rie} rapid/shutdown.go shutdownAgents`,
    function: watcher,
    run: async (stage) => {
      const { runtime, extension } = await serve(stage, ['INVOKE']);
      const tookMs = await stop(stage, runtime);
      await extension.actor.ended();
      expect([extension.api.unread, extension.actor.signals]).toEqual(['', []]);
      expect(tookMs).toBeLessThan(1_900);
    },
  },
  {
    rule: 'with an internal extension alone the runtime gets SIGTERM and 500 ms',
    source: `${shutdown}: 500 ms with a registered internal extension`,
    run: async (stage) => {
      const answer = stage.invoke();
      const runtime = await stage.process();
      const inside = await PlayedExtension.register(runtime, 'inside', []);
      inside.askForNext();
      const api = await runtime.connect();
      const event = await api.ask(runtimeNext);
      runtime.onSignal('SIGTERM', 'stay');
      await runtime.now();
      await respond(api, event);
      await answer;
      api.send({ path: runtimeNext });
      const stopped = stop(stage, runtime);
      await runtime.signalled('SIGTERM');
      const sinceMs = performance.now();
      await runtime.ended();
      expect(performance.now() - sinceMs).toBeGreaterThanOrEqual(400);
      await stopped;
    },
  },
  {
    rule: 'without extensions the runtime is killed without a signal before it',
    source: `${shutdown}: 0 ms without extensions; ${rie} rapid/shutdown.go: no graceful shutdown if there are no agents`,
    run: async (stage) => {
      const answer = stage.invoke();
      const runtime = await stage.process();
      const api = await runtime.connect();
      await respond(api, await api.ask(runtimeNext));
      await answer;
      api.send({ path: runtimeNext });
      await stop(stage, runtime);
      await runtime.ended();
      expect(runtime.signals).toEqual([]);
    },
  },
  ...[
    { reason: 'timeout', what: 'an invocation that takes too long', function: { ...watcher, timeoutSeconds: 4 }, end: () => {} },
    { reason: 'failure', what: 'a runtime that exits', function: watcher, end: (runtime: ActorProcess) => runtime.exit(1) },
  ].map(
    ({ reason, what, function: shape, end }): ConformanceCase => ({
      rule: `${what} ends the extensions with SHUTDOWN and the reason ${reason}; the next invocation has new ones, and /tmp is kept`,
      source: `${shutdown}, "shutdownReason"; ${rie} rapid/handlers.go handleReset`,
      function: shape,
      run: async (stage) => {
        const { answer, extension, runtime } = await begin(stage, ['INVOKE', 'SHUTDOWN']);
        await extension.event();
        await extension.actor.writeFile('/tmp/kept', reason);
        end(runtime);
        // It is still busy with the invocation: told when it asks.
        await runtime.ended();
        extension.askForNext();
        expect((await extension.event()).json()).toMatchObject({ eventType: 'SHUTDOWN', shutdownReason: reason });
        extension.actor.exit(0);
        expect((await answer).functionError).toBe('Unhandled');

        await hasReset(stage, runtime);
        const again = stage.invoke();
        const other = await PlayedExtension.meet(stage, 'watcher');
        expect(other.actor.hello.generation).toBe(2);
        expect(other.actor.environmentId).toBe(extension.actor.environmentId);
        expect(await other.actor.readFile('/tmp/kept')).toBe(reason);
        other.askForNext();
        const api = await (await stage.process()).connect();
        await respond(api, await api.ask(runtimeNext));
        expect((await again).value).toBe('done');
      },
    }),
  ),
];
