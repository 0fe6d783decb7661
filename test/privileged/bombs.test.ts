import type { LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bombNames, bombs, deployBombs, explode } from '../bombs.ts';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

const seconds = 3;
/** A neighbour that is starved answers not once; how quickly it answers is measured by `npm run bench -- neighbour`. */
const leastAnswers = 10;

/** Each bomb in a function with one processor, beside a small function of another account. */
describe('a bomb', () => {
  let daemon: RunningDaemon;
  let neighbour: LambdaClient;
  let attacker: LambdaClient;

  beforeAll(async () => {
    daemon = await startDaemon();
    neighbour = daemon.lambda();
    const { stdout } = await daemon.cli('credentials', 'create', '--account', '210987654321', '--json');
    attacker = daemon.lambda({ ...daemon.credentials, ...(JSON.parse(stdout) as Partial<Credentials>) });
    const counter = 'let count = 0; exports.handler = async () => ++count;';
    await deploy(neighbour, { name: 'small', runtime: 'nodejs24.x', files: { 'index.js': counter }, MemorySize: 256 });
    await deployBombs(attacker, 'bombs', 1_769);
    await invoke(neighbour, 'small');
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  it.each(bombNames.map((bomb) => ({ bomb, what: bombs[bomb] })))(
    'that $what: a neighbour answers from the same process all through, and so does the daemon ($bomb)',
    async ({ bomb }) => {
      const before = (await invoke(neighbour, 'small')).value as number;
      let exploding = true;
      const bombed = explode(attacker, 'bombs', bomb, seconds).finally(() => {
        exploding = false;
      });
      let answers = 0;
      let looks = 0;
      while (exploding) {
        const { value, functionError } = await invoke(neighbour, 'small');
        expect(functionError).toBeUndefined();
        expect(value).toBe(before + ++answers);
        if (answers % 20 !== 1) continue;
        const { stdout, status } = await daemon.cli('status', '--json');
        expect(status).toBe(0);
        expect(JSON.parse(stdout)).toMatchObject({ status: 'serving' });
        looks += 1;
      }
      expect(await bombed).toBeGreaterThan(0);
      expect(answers).toBeGreaterThan(leastAnswers);
      expect(looks).toBeGreaterThan(0);
      expect(daemon.agent.exitCode).toBeNull();
    },
  );
});
