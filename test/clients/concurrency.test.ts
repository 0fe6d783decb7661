import { InvokeCommand, type LambdaClient, PutFunctionConcurrencyCommand, PutFunctionRecursionConfigCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';

const maxEnvironments = 4;
const smallAccount = '333333333333';
const files = { 'index.js': 'exports.handler = async ({ ms = 0 }) => { await new Promise((done) => setTimeout(done, ms)); return ms; };\n' };

interface Throttled {
  readonly name: string;
  readonly Reason?: string;
  readonly retryAfterSeconds?: string;
}

/** A host with room for four environments, and accounts that ask for more. */
describe('invocations on a full host', () => {
  let daemon: RunningDaemon;
  let flooding: LambdaClient;
  let modest: LambdaClient;
  let small: LambdaClient;

  beforeAll(async () => {
    const concurrency = { default: 500, accounts: { [smallAccount]: 2 }, maxWaitMs: 10_000 };
    daemon = await startDaemon({ config: { host: { maxEnvironments }, concurrency } });
    flooding = daemon.lambda();
    modest = daemon.lambda(await account('210987654321'));
    small = daemon.lambda(await account(smallAccount));
    for (const client of [flooding, modest, small]) await deploy(client, { name: 'wait', runtime: 'nodejs24.x', files, MemorySize: 512 });
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  async function account(accountId: string): Promise<Credentials> {
    const { status, stdout, stderr } = await daemon.cli('credentials', 'create', '--account', accountId, '--json');
    expect(status, stderr).toBe(0);
    return { ...daemon.credentials, ...(JSON.parse(stdout) as Partial<Credentials>) };
  }

  /** The function's answer, or how it was refused. */
  async function call(client: LambdaClient, ms: number): Promise<unknown> {
    try {
      const { Payload } = await client.send(new InvokeCommand({ FunctionName: 'wait', Payload: JSON.stringify({ ms }) }));
      return JSON.parse(Buffer.from(Payload ?? []).toString());
    } catch (error) {
      return error;
    }
  }

  const refusals = (answers: readonly unknown[]) => answers.filter((answer) => answer instanceof Error) as unknown as readonly Throttled[];

  it('of an account are served while another keeps hundreds of calls under way', { timeout: 120_000 }, async () => {
    let isOver = false;
    const flood = { served: 0, refused: 0 };
    // Each has fifty connections.
    const clients = Array.from({ length: 6 }, () => daemon.lambda());
    const keepCalling = async (client: LambdaClient): Promise<void> => {
      while (!isOver) {
        const answer = await call(client, 150);
        if (answer === 150) flood.served += 1;
        else {
          expect(answer).toMatchObject({ name: 'TooManyRequestsException', Reason: 'ConcurrentInvocationLimitExceeded' });
          flood.refused += 1;
          // As a client that honours Retry-After.
          await new Promise((resolve) => setTimeout(resolve, 1_000));
        }
      }
    };
    const callers = clients.flatMap((client) => Array.from({ length: 50 }, () => keepCalling(client)));
    await expect.poll(() => flood.served, { timeout: 30_000 }).toBeGreaterThan(maxEnvironments);
    const answers: unknown[] = [];
    for (let index = 0; index < 6; index += 1) answers.push(await call(modest, 1));
    const servedBefore = flood.served;
    await expect.poll(() => flood.served, { timeout: 30_000 }).toBeGreaterThan(servedBefore);
    isOver = true;
    await Promise.all(callers);
    expect(answers).toEqual(Array.from({ length: 6 }, () => 1));
    // It was a flood.
    expect(flood.refused).toBeGreaterThan(100);
  });

  it('are in the chain of requests that their trace header names, and end where it is a loop', async () => {
    const traced = { 'index.js': 'exports.handler = async () => process.env._X_AMZN_TRACE_ID;\n' };
    await deploy(modest, { name: 'traced', runtime: 'nodejs24.x', files: traced });
    let header = 'Root=1-67a1b2c3-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1';
    const told: string[] = [];
    modest.middlewareStack.add(
      (next) => async (args) => {
        (args.request as { headers: Record<string, string> }).headers['x-amzn-trace-id'] = header;
        const result = await next(args);
        told.push((result.response as { headers: Record<string, string> }).headers['x-amzn-trace-id'] ?? '');
        return result;
      },
      { step: 'build', name: 'trace', override: true },
    );
    const invokeTraced = async () => Buffer.from((await modest.send(new InvokeCommand({ FunctionName: 'traced' }))).Payload ?? []).toString();
    for (let passage = 1; passage <= 16; passage += 1) {
      const seen = JSON.parse(await invokeTraced()) as string;
      expect(seen).toMatch(new RegExp(`^Root=1-67a1b2c3-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=[0-9a-f]{8}:${passage}$`));
      expect(told.at(-1)).toBe(seen);
      // As the function's own SDK does with what it calls.
      header = seen;
    }
    await expect(invokeTraced()).rejects.toMatchObject({ name: 'RecursiveInvocationException', $metadata: { httpStatusCode: 400 } });
    await modest.send(new PutFunctionRecursionConfigCommand({ FunctionName: 'traced', RecursiveLoop: 'Allow' }));
    expect(JSON.parse(await invokeTraced())).toMatch(/:17$/);
    modest.middlewareStack.remove('trace');
  });

  it('over what an account may run at once are told so, with the time to come again', async () => {
    const refused = refusals(await Promise.all([1, 2, 3, 4].map(() => call(small, 1_500))));
    expect(refused.map(({ name, Reason, retryAfterSeconds }) => ({ name, Reason, retryAfterSeconds }))).toEqual(
      [1, 2].map(() => ({ name: 'TooManyRequestsException', Reason: 'ConcurrentInvocationLimitExceeded', retryAfterSeconds: '1' })),
    );
  });

  it('over what is reserved for a function, and ten times that in a second, are told so', async () => {
    await flooding.send(new PutFunctionConcurrencyCommand({ FunctionName: 'wait', ReservedConcurrentExecutions: 1 }));
    const answers = await Promise.all(Array.from({ length: 30 }, () => call(flooding, 2_000)));
    const reasons = refusals(answers).map(({ Reason }) => Reason);
    expect(answers.filter((answer) => answer === 2_000)).toHaveLength(1);
    expect(new Set(reasons)).toEqual(new Set(['ReservedFunctionConcurrentInvocationLimitExceeded', 'ReservedFunctionInvocationRateLimitExceeded']));
  });
});
