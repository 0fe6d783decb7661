import type { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Attack, attacks, costlyButAllowed, hostileFiles } from '../../bench/hostile-function.ts';
import { surfaceLimits } from '../../src/runtime-api/surface-guard.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

/** Functions that turn on their own Runtime API, beside one that only works. */
describe('the Runtime API under attack from inside', () => {
  let daemon: RunningDaemon;
  let lambda: LambdaClient;

  beforeAll(async () => {
    daemon = await startDaemon();
    lambda = daemon.lambda();
    const neighbour = { 'index.js': 'let count = 0; exports.handler = async (event) => ({ echo: event.n, count: ++count });' };
    await deploy(lambda, { name: 'neighbour', runtime: 'nodejs24.x', files: neighbour, MemorySize: 512 });
    await deploy(lambda, { name: 'hostile', runtime: 'python3.13', files: hostileFiles, MemorySize: 1_769 });
    await invoke(lambda, 'neighbour', { n: -1 });
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  /** Invokes the neighbour one after another until the attack is over: each answer must be its own, from its one environment. */
  async function besides<T>(attacking: Promise<T>): Promise<{ readonly attacked: T; readonly answers: number }> {
    let isRunning = true;
    const attack = attacking.finally(() => {
      isRunning = false;
    });
    attack.catch(() => undefined);
    let answers = 0;
    let last: number | undefined;
    do {
      const { value, functionError } = await invoke(lambda, 'neighbour', { n: answers });
      const { echo, count } = value as { echo: number; count: number };
      expect([functionError, echo]).toEqual([undefined, answers]);
      if (last !== undefined) expect(count).toBe(last + 1);
      last = count;
      answers += 1;
    } while (isRunning);
    return { attacked: await attack, answers };
  }

  const environmentsOf = async (name: string): Promise<string[]> => {
    const { stdout } = await daemon.cli('env', 'list', '--json');
    return (JSON.parse(stdout) as { id: string; functionName: string }[]).filter((one) => one.functionName === name).map((one) => one.id);
  };

  it.each(Object.entries(attacks) as [Attack, (typeof attacks)[Attack]][])(
    '%s ends the environment with its reason, and nobody else notices',
    async (attack, limit) => {
      const before = await invoke(lambda, 'hostile');
      expect(before.functionError).toBeUndefined();
      const [environment] = await environmentsOf('hostile');
      expect(environment).toBeDefined();
      const { attacked, answers } = await besides(invoke(lambda, 'hostile', { attack }));
      expect(answers).toBeGreaterThan(0);
      expect(attacked.functionError).toBe('Unhandled');
      expect(attacked.value).toEqual({
        errorType: 'Runtime.ApiLimitExceeded',
        errorMessage: expect.stringMatching(
          new RegExp(`^RequestId: [0-9a-f-]{36} Error: The execution environment was ended: ${surfaceLimits[limit]}$`),
        ),
      });
      expect(attacked.log).toContain(`The execution environment ends: ${surfaceLimits[limit]}`);
      expect(attacked.log).toMatch(/REPORT .*Status: error\tError Type: Runtime.ApiLimitExceeded/);
      await expect.poll(() => environmentsOf('hostile')).not.toContain(environment);
      // Its memory and its /tmp say it: this is another environment.
      const after = await invoke(lambda, 'hostile');
      expect(after.value).toEqual({ invocations: 1, tmp: 1 });
    },
  );

  it.each(costlyButAllowed.filter((attack) => attack !== 'endlessBody'))('%s is held to its share, and the others are served', async (attack) => {
    const { attacked, answers } = await besides(invoke(lambda, 'hostile', { attack }));
    expect(answers).toBeGreaterThan(100);
    // Whether it is held back or ended in two seconds, it is told as what it is.
    const { errorType } = attacked.value as { errorType?: string };
    if (attacked.functionError !== undefined) expect(errorType).toBe('Runtime.ApiLimitExceeded');
  });
});
