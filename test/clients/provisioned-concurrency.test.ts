import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateAliasCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  type LambdaClient,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';

const files = {
  'index.js': `
    let count = 0;
    exports.handler = async ({ ms = 0 }) => {
      count += 1;
      await new Promise((done) => setTimeout(done, ms));
      return { count, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE, stage: process.env.STAGE, stream: process.env.AWS_LAMBDA_LOG_STREAM_NAME };
    };
  `,
};

interface Answer {
  readonly count: number;
  readonly type: string;
  readonly stage?: string;
  readonly stream: string;
}

describe('environments that are made ahead', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cloister-'));
  const config = { environments: { idleTimeoutSeconds: 1 } };
  let daemon: RunningDaemon;
  let lambda: LambdaClient;

  beforeAll(async () => {
    daemon = await startDaemon({ dataDir, config });
    lambda = daemon.lambda();
    await deploy(lambda, {
      name: 'ready',
      runtime: 'nodejs24.x',
      files,
      MemorySize: 512,
      Environment: { Variables: { STAGE: 'one' } },
      Publish: true,
    });
    await lambda.send(new CreateAliasCommand({ FunctionName: 'ready', Name: 'live', FunctionVersion: '1' }));
    await lambda.send(new PutProvisionedConcurrencyConfigCommand({ ...live, ProvisionedConcurrentExecutions: 2 }));
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true });
  });

  const live = { FunctionName: 'ready', Qualifier: 'live' };

  const status = async () => {
    const { Status, AvailableProvisionedConcurrentExecutions } = await lambda.send(new GetProvisionedConcurrencyConfigCommand(live));
    return { Status, available: AvailableProvisionedConcurrentExecutions };
  };

  async function becomesReady(available: number): Promise<void> {
    await expect.poll(status, { timeout: 30_000 }).toEqual({ Status: 'READY', available });
  }

  const environments = async () =>
    (JSON.parse((await daemon.cli('env', 'list', '--json')).stdout) as { id: string; functionName: string; version: string }[]).filter(
      ({ functionName }) => functionName === 'ready',
    );

  async function call(ms = 0): Promise<Answer> {
    const { Payload } = await lambda.send(new InvokeCommand({ ...live, Payload: JSON.stringify({ ms }) }));
    return JSON.parse(Buffer.from(Payload ?? []).toString()) as Answer;
  }

  it('serve first, know what they are, and leave what is beyond them to others, which go when they are idle', async () => {
    await becomesReady(2);
    expect(await environments()).toHaveLength(2);
    const answers = await Promise.all([1, 2, 3].map(() => call(1_000)));
    expect(answers.map(({ type }) => type).toSorted()).toEqual(['on-demand', 'provisioned-concurrency', 'provisioned-concurrency']);
    expect(answers.map(({ count }) => count)).toEqual([1, 1, 1]);
    await expect.poll(environments, { timeout: 20_000 }).toHaveLength(2);
    expect((await call()).type).toBe('provisioned-concurrency');
  });

  it('are made again when they are lost', async () => {
    const before = await environments();
    const { status: code } = await daemon.cli('env', 'stop', before[0]?.id ?? '');
    expect(code).toBe(0);
    await becomesReady(2);
    const after = await environments();
    expect(after).toHaveLength(2);
    expect(after.map(({ id }) => id)).not.toContain(before[0]?.id);
  });

  it('go over to the version that the alias names', async () => {
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'ready', Environment: { Variables: { STAGE: 'two' } } }));
    await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { FunctionName: 'ready' });
    await lambda.send(new PublishVersionCommand({ FunctionName: 'ready' }));
    await lambda.send(new UpdateAliasCommand({ FunctionName: 'ready', Name: 'live', FunctionVersion: '2' }));
    await becomesReady(2);
    await expect.poll(async () => (await environments()).map(({ version }) => version), { timeout: 20_000 }).toEqual(['2', '2']);
    expect(await call()).toMatchObject({ count: 1, type: 'provisioned-concurrency', stage: 'two' });
  });

  it('are made again by the next daemon, and end when nobody wants them any more', async () => {
    expect(await daemon.stop()).toBe(0);
    daemon = await startDaemon({ dataDir, config });
    lambda = daemon.lambda();
    await becomesReady(2);
    expect(await call()).toMatchObject({ count: 1, type: 'provisioned-concurrency' });
    await lambda.send(new DeleteProvisionedConcurrencyConfigCommand(live));
    await expect.poll(environments, { timeout: 10_000 }).toEqual([]);
  });
});
