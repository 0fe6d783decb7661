import fc from 'fast-check';
import { expect, it } from 'vitest';
import { extensionProgram } from '../../../test/support/extension-program.ts';
import type { RuntimeProgram } from '../../../test/support/fake-host-agent.ts';
import { LifeRig, settled } from '../../../test/support/life-rig.ts';
import type { Invocation } from '../invocation.ts';

type Action =
  | { readonly do: 'invoke'; readonly event: 'echo' | 'exit' | 'hang' }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'kill'; readonly what: 'runtime' | 'init' }
  | { readonly do: 'settle' }
  | { readonly do: 'destroy' };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('invoke' as const), event: fc.constantFrom('echo' as const, 'echo', 'echo', 'exit', 'hang') }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(0.5, 1, 2, 3, 100, 2_500, 4_000) }) },
  { weight: 3, arbitrary: fc.constant<Action>({ do: 'settle' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), what: fc.constantFrom('runtime' as const, 'runtime', 'init') }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: 'destroy' }) },
);

/** Does with an event as it says. */
const obedient: RuntimeProgram = async (process) => {
  for (;;) {
    const { headers, body } = await process.client.next();
    if (body === '"exit"') return process.exit({ status: 1 });
    if (body === '"hang"') return new Promise(() => {});
    await process.client.respond(String(headers['lambda-runtime-aws-request-id']), body);
  }
};

/** What must be true at any moment of a freezer and of what the environment is doing. */
function check(rig: LifeRig): void {
  const { phase, isUsable } = rig.environment;
  const isFrozen = rig.freezerWrites.at(-1) === 'FROZEN';
  // What is lost is not thawed by the daemon any more: the agent does that, taking it apart.
  if (isUsable) expect([phase, isFrozen]).toEqual([phase, phase === 'frozen']);
}

async function play(actions: readonly Action[], withExtension: boolean): Promise<void> {
  const rig = new LifeRig(obedient, withExtension ? { extensions: { watching: extensionProgram('watching') } } : {});
  const { agent, environment } = rig;
  // A process that is started, signalled or reset must run: at that moment nobody has frozen it.
  for (const verb of ['start', 'signal', 'reset'] as const) {
    const plain = agent[verb].bind(agent) as (options: never) => Promise<never>;
    Object.assign(agent, {
      [verb]: (options: never) => {
        check(rig);
        expect([verb, environment.isUsable && rig.freezerWrites.at(-1) === 'FROZEN']).toEqual([verb, false]);
        return plain(options);
      },
    });
  }
  await environment.start();
  const invocations: Invocation[] = [];
  let running: Invocation | undefined;
  let destroyed: Promise<void> | undefined;
  for (const next of actions) {
    check(rig);
    if (next.do === 'invoke' && running === undefined && environment.isUsable) {
      running = rig.invoke(JSON.stringify(next.event));
      invocations.push(running);
      void running.ended.then(() => {
        running = undefined;
      });
    }
    if (next.do === 'advance') rig.clock.advance(next.ms);
    if (next.do === 'kill' && environment.id !== undefined) agent.kill(environment.id, next.what);
    if (next.do === 'settle') await settled();
    if (next.do === 'destroy') destroyed ??= environment.destroy();
    check(rig);
  }
  // Left to itself, what is of use is frozen in the end; a hanging event ends by its time-out.
  for (let turn = 0; turn < 4; turn += 1) {
    await settled();
    rig.clock.advance(3_000);
  }
  await settled();
  if (environment.isUsable) expect(environment.phase).toMatch(/^(frozen|claimed)$/);
  await rig.close();
  await destroyed;
  for (const invocation of invocations) await invocation.ended;
  expect(agent.living.size).toBe(0);
  expect(rig.problems).toEqual([]);
}

it('is frozen when nothing is to run, and only then, whatever happens and in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 4, maxLength: 14 }), fc.boolean(), (actions, withExtension) => play(actions, withExtension)),
    { numRuns: 60 },
  );
}, 60_000);
