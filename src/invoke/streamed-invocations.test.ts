import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeHostAgent, type RuntimeProcess, type RuntimeProgram } from '../../test/support/fake-host-agent.ts';
import { functionVersion } from '../../test/support/function-version.ts';
import { generousPoolLimits, lambdaConcurrencyLimits } from '../../test/support/pool-limits.ts';
import { systemClock } from '../environment/clock.ts';
import { EnvironmentEvents } from '../environment/environment-events.ts';
import { ExecutionEnvironment } from '../environment/execution-environment.ts';
import { EnvironmentPool } from '../environment/pool/environment-pool.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { FunctionInvoker } from './function-invoker.ts';
import { InvocationTraces } from './invocation-traces.ts';
import type { InvokeRequest, StreamedInvokeResult } from './invoker.ts';

const undo: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function rig(program: RuntimeProgram, maxBytes = 1_048_576) {
  const agent = new FakeHostAgent(program);
  const lines: string[] = [];
  const problems: string[] = [];
  const onProblem = (problem: string): void => void problems.push(problem);
  const dependencies = {
    agent,
    events: new EnvironmentEvents(agent),
    credentials: { issue: () => ({ accessKeyId: 'ASIA', secretAccessKey: 'secret', sessionToken: 'token' }), revoke: () => {} },
    openLog: () => ({ append: (_atMs: number, line: string) => void lines.push(line), congestion: () => undefined, close: () => {} }),
    clock: systemClock,
    region: 'us-east-1',
    initTimeoutMs: 10_000,
    streamLimits: { maxBytes },
    onProblem,
  };
  const pool = new EnvironmentPool<ExecutionEnvironment>({
    create: (owner) => new ExecutionEnvironment(owner, dependencies),
    clock: systemClock,
    ...generousPoolLimits,
    maxEnvironments: 4,
    onProblem,
  });
  const invoker = new FunctionInvoker({
    pool,
    clock: systemClock,
    limits: lambdaConcurrencyLimits(systemClock),
    traces: new InvocationTraces({ clock: systemClock, random: () => 0.5 }),
  });
  undo.push(async () => {
    await invoker.stop(0);
    agent[Symbol.dispose]();
    expect(problems).toEqual([]);
  });
  return { agent, invoker, lines };
}

function invocation(fn: FunctionVersion = functionVersion(), overrides: Partial<InvokeRequest> = {}): InvokeRequest {
  return { requestId: randomUUID(), function: fn, invokedFunctionArn: fn.functionArn, payload: Buffer.from('{}'), logTail: true, ...overrides };
}

interface Answering {
  readonly process: RuntimeProcess;
  readonly requestId: string;
}

/** Answers every event by `handler` until its process ends. */
function answering(handler: (answering: Answering) => Promise<unknown>): RuntimeProgram {
  return async (process) => {
    for (;;) {
      const { headers } = await process.client.next();
      await handler({ process, requestId: String(headers['lambda-runtime-aws-request-id']) });
    }
  };
}

async function gather({ body }: StreamedInvokeResult): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const second = functionVersion({ timeoutSeconds: 1 });
const forever = new Promise<never>(() => {});

describe('FunctionInvoker.invokeStreaming()', () => {
  it('answers with the first piece while the function runs, and completes when it has ended', async () => {
    const goOn = Promise.withResolvers<void>();
    const { invoker, lines } = rig(
      answering(async ({ process, requestId }) => {
        const stream = process.client.stream(requestId, 'text/event-stream');
        stream.write('first ');
        await goOn.promise;
        stream.write('second');
        await stream.end();
      }),
    );
    const result = await invoker.invokeStreaming(invocation());
    expect(result).toMatchObject({ executedVersion: '$LATEST', contentType: 'text/event-stream' });
    expect(result.failed).toBeUndefined();
    const pieces = result.body[Symbol.asyncIterator]();
    expect(String((await pieces.next()).value)).toBe('first ');
    expect(lines.some((line) => line.startsWith('END'))).toBe(false);
    goOn.resolve();
    expect(String((await pieces.next()).value)).toBe('second');
    expect((await pieces.next()).done).toBe(true);
    const { error, logTail } = await result.completed;
    expect(error).toBeUndefined();
    expect(String(logTail)).toMatch(/START.*END.*REPORT/s);
  });

  it('gives the answer of a runtime that does not stream in one piece', async () => {
    const { invoker } = rig(answering(({ process, requestId }) => process.client.respond(requestId, '{"whole":true}')));
    const result = await invoker.invokeStreaming(invocation());
    expect(await gather(result)).toBe('{"whole":true}');
    expect((await result.completed).error).toBeUndefined();
  });

  it('gives a stream to nobody who asked for the whole: that one gets the whole', async () => {
    const { invoker } = rig(
      answering(async ({ process, requestId }) => {
        const stream = process.client.stream(requestId);
        stream.write('a');
        stream.write('b');
        await stream.end();
      }),
    );
    expect(String((await invoker.invoke(invocation())).payload)).toBe('ab');
  });

  it('tells a failure before the answer began as the body and as Unhandled', async () => {
    const { invoker } = rig(
      answering(({ process, requestId }) => process.client.fail(requestId, { errorType: 'Function.Broken', errorMessage: 'no' })),
    );
    const result = await invoker.invokeStreaming(invocation());
    expect([result.failed, await gather(result)]).toEqual(['error', '{"errorType":"Function.Broken","errorMessage":"no"}']);
    expect((await result.completed).error).toEqual({
      code: 'Unhandled',
      details: Buffer.from('{"errorType":"Function.Broken","errorMessage":"no"}'),
    });
  });

  it('tells a time-out before the answer began as one', async () => {
    const { invoker } = rig(answering(() => forever));
    const result = await invoker.invokeStreaming(invocation(second));
    expect(result.failed).toBe('timeout');
    expect((await result.completed).error?.code).toBe('Unhandled');
  });

  it('tells a failure half way by its own type and body, after what came before it', async () => {
    const { invoker, lines } = rig(
      answering(async ({ process, requestId }) => {
        const stream = process.client.stream(requestId);
        stream.write('half');
        await stream.end({ errorType: 'TypeError', errorMessage: 'broke' });
      }),
    );
    const result = await invoker.invokeStreaming(invocation());
    expect([result.failed, await gather(result)]).toEqual([undefined, 'half']);
    const { error } = await result.completed;
    expect([error?.code, String(error?.details)]).toEqual(['TypeError', '{"errorType":"TypeError","errorMessage":"broke"}']);
    expect(lines.at(-1)).not.toContain('Status');
  });

  it('ends a stream in the middle when the time is over, and serves again afterwards', async () => {
    const { invoker, lines } = rig(
      answering(async ({ process, requestId }) => {
        const stream = process.client.stream(requestId);
        stream.write(process.run === 1 ? 'half' : 'whole');
        if (process.run === 1) await forever;
        await stream.end();
      }),
    );
    const result = await invoker.invokeStreaming(invocation(second));
    expect(await gather(result)).toBe('half');
    const { error } = await result.completed;
    expect(error?.code).toBe('Sandbox.Timedout');
    expect(String(error?.details)).toContain('Task timed out after 1.00 seconds');
    expect(lines.at(-1)).toContain('Status: timeout');
    expect(await gather(await invoker.invokeStreaming(invocation(second)))).toBe('whole');
  });

  it('ends a stream in the middle when the runtime’s process ends', async () => {
    const received = Promise.withResolvers<void>();
    const { invoker } = rig(
      answering(async ({ process, requestId }) => {
        process.client.stream(requestId).write('half');
        await received.promise;
        process.exit({ status: 3 });
        await forever;
      }),
    );
    const result = await invoker.invokeStreaming(invocation());
    const pieces: string[] = [];
    for await (const piece of result.body) {
      pieces.push(String(piece));
      received.resolve();
    }
    expect(pieces).toEqual(['half']);
    // Its connection ends first, or the agent tells of its end first.
    expect((await result.completed).error?.code).toMatch(/^Runtime\.(ExitError|TruncatedResponse)$/);
  });

  it('ends a stream over the limit there', async () => {
    const { invoker } = rig(
      answering(async ({ process, requestId }) => {
        const stream = process.client.stream(requestId);
        stream.write('12345678');
        await stream.end();
      }),
      5,
    );
    const result = await invoker.invokeStreaming(invocation());
    expect(await gather(result)).toBe('12345');
    const { error } = await result.completed;
    expect([error?.code, String(error?.details)]).toEqual([
      'Function.ResponseSizeTooLarge',
      '{"errorMessage":"Response payload size exceeded maximum allowed payload size (5 bytes).","errorType":"Function.ResponseSizeTooLarge"}',
    ]);
  });

  it('counts towards reserved concurrency until the stream has ended', async () => {
    const goOn = Promise.withResolvers<void>();
    const { invoker } = rig(
      answering(async ({ process, requestId }) => {
        const stream = process.client.stream(requestId);
        stream.write('a');
        await goOn.promise;
        await stream.end();
      }),
    );
    const one = functionVersion({ reservedConcurrency: 1 });
    const result = await invoker.invokeStreaming(invocation(one));
    await expect(invoker.invokeStreaming(invocation(one))).rejects.toMatchObject({ code: 'ConcurrencyReached' });
    goOn.resolve();
    await gather(result);
    await result.completed;
    await gather(await invoker.invokeStreaming(invocation(one)));
  });
});
