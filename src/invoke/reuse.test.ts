import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extensionProgram } from '../../test/support/extension-program.ts';
import { FakeHostAgent, type RuntimeProcess } from '../../test/support/fake-host-agent.ts';
import { interleavings, runInterleaving } from '../../test/support/reuse-interleaving.ts';
import { composeRig } from '../../test/support/reuse-rig.ts';

/** What `test/privileged/programs/mark.c` does, in this process: marks in the memory of the process and in the environment's /tmp. */
function marking() {
  const tmpOf = new Map<string, string>();
  return async ({ client, environmentId, variables, exit }: RuntimeProcess): Promise<void> => {
    let memory: string | undefined;
    for (;;) {
      const { headers, body } = await client.next();
      const who = `${variables['CODE']}|${variables['OWNER']}|${headers['lambda-runtime-aws-tenant-id'] ?? ''}`;
      const mark = (): string => `${who}#${randomBytes(8).toString('hex')}`;
      memory ??= mark();
      const tmp = tmpOf.get(environmentId) ?? mark();
      tmpOf.set(environmentId, tmp);
      if (body.includes('exit')) return exit({ status: 3 });
      await client.respond(String(headers['lambda-runtime-aws-request-id']), JSON.stringify({ who, memory, tmp }));
      if (body.includes('late')) return exit({ status: 4 });
    }
  };
}

describe('environments under any order of create, invoke, update, publish, delete, crash and reclaim', () => {
  // With an extension each end and each reset takes its turns of signals and events.
  it.each([
    ['without extensions', {}, 250],
    ['with an extension', { tidy: extensionProgram('tidy') }, 70],
  ])(
    'have one owner, are never lost, never too many, and all destroyed in the end, %s',
    async (_with, extensions, numRuns) => {
      const seen = { invocations: 0, reuses: 0, resets: 0, failures: 0, refusals: 0, mostLiving: 0 };
      using agent = new FakeHostAgent(marking(), { extensions });
      const rig = composeRig(agent, {
        runtime: 'nodejs24.x',
        maxEnvironments: 3,
        codeDigest: (_account, code) => String(code).repeat(64),
        living: () => agent.living.size,
        kill: async (id, what) => agent.kill(id, what),
      });
      await fc.assert(
        fc.asyncProperty(interleavings(30), async (commands) => {
          const run = await runInterleaving(rig, commands);
          for (const key of Object.keys(seen) as (keyof typeof seen)[])
            seen[key] = key === 'mostLiving' ? Math.max(seen[key], run[key]) : seen[key] + run[key];
        }),
        { numRuns, endOnFailure: true },
      );
      expect(rig.problems).toEqual([]);
      // The runs were about something.
      expect(seen.mostLiving).toBe(3);
      expect(seen.invocations).toBeGreaterThan(3 * numRuns);
      expect(seen.reuses).toBeGreaterThan(numRuns / 10);
      expect(seen.resets).toBeGreaterThan(numRuns / 60);
      expect(seen.failures).toBeGreaterThan(numRuns / 6);
    },
    120_000,
  );
});
