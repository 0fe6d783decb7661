import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { extensionProgram } from '../../test/support/extension-program.ts';
import { FakeHostAgent, type RuntimeProcess, type RuntimeProgram } from '../../test/support/fake-host-agent.ts';
import { functionVersion } from '../../test/support/function-version.ts';
import { generousPoolLimits, lambdaConcurrencyLimits } from '../../test/support/pool-limits.ts';
import { type Clock, systemClock } from '../environment/clock.ts';
import { EnvironmentEvents } from '../environment/environment-events.ts';
import { ExecutionEnvironment } from '../environment/execution-environment.ts';
import { EnvironmentPool } from '../environment/pool/environment-pool.ts';
import { CloisterError } from '../errors.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { LogStore } from '../storage/logs/log-store.ts';
import { FunctionInvoker } from './function-invoker.ts';
import { InvocationTraces } from './invocation-traces.ts';
import type { InvokeRequest } from './invoker.ts';

const undo: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

interface Rig {
  readonly agent: FakeHostAgent;
  readonly invoker: FunctionInvoker;
  readonly logs: LogStore;
  readonly problems: string[];
  readonly credentials: Map<string, string>;
  /** All lines of the function's log, in order. */
  lines(): Promise<string[]>;
}

/** Real time, but the given timers of environments and pool fire at once when `timeScale` is small. */
function scaledClock(timeScale: number): Clock {
  return { ...systemClock, schedule: (delayMs, task) => systemClock.schedule(delayMs * timeScale, task) };
}

interface RigOptions {
  readonly timeScale?: number;
  readonly maxEnvironments?: number;
  readonly onProblem?: () => void;
  readonly extensions?: Readonly<Record<string, RuntimeProgram>>;
}

function rig(program: RuntimeProgram, options: RigOptions = {}): Rig {
  const agent = new FakeHostAgent(program, { extensions: options.extensions ?? {} });
  const directory = mkdtempSync(join(tmpdir(), 'invoker-logs-'));
  const problems: string[] = [];
  const onProblem = (problem: string): void => {
    problems.push(problem);
    options.onProblem?.();
  };
  const logs = new LogStore({ directory, onProblem });
  const clock = scaledClock(options.timeScale ?? 1);
  const credentials = new Map<string, string>();
  const dependencies = {
    agent,
    events: new EnvironmentEvents(agent),
    credentials: {
      issue: (environmentId: string, accountId: string) => {
        credentials.set(environmentId, accountId);
        return { accessKeyId: `ASIA-${environmentId}`, secretAccessKey: 'secret', sessionToken: 'token' };
      },
      revoke: (environmentId: string) => void credentials.delete(environmentId),
    },
    openLog: (name: { accountId: string; logGroup: string; logStream: string }) => logs.openStream(name),
    clock,
    region: 'us-east-1',
    initTimeoutMs: 10_000,
    streamLimits: { maxBytes: 20 * 1_048_576 },
    onProblem,
  };
  const pool = new EnvironmentPool<ExecutionEnvironment>({
    create: (owner) => new ExecutionEnvironment(owner, dependencies),
    clock,
    ...generousPoolLimits,
    maxEnvironments: options.maxEnvironments ?? 10,
    onProblem,
  });
  const invoker = new FunctionInvoker({
    pool,
    clock,
    limits: lambdaConcurrencyLimits(clock),
    traces: new InvocationTraces({ clock, random: () => 0.5 }),
  });
  undo.push(async () => {
    await invoker.stop(0);
    await logs.close();
    expect([...agent.living.keys()]).toEqual([]);
    expect([...credentials.keys()]).toEqual([]);
    agent[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  const lines = async (): Promise<string[]> => {
    const { events } = await logs.read({ accountId: '123456789012', logGroup: '/aws/lambda/thumbnail' });
    return events.map((event) => event.message);
  };
  return { agent, invoker, logs, problems, credentials, lines };
}

function request(fn: FunctionVersion = functionVersion(), overrides: Partial<InvokeRequest> = {}): InvokeRequest {
  const invokedFunctionArn = fn.functionArn;
  return { requestId: randomUUID(), function: fn, invokedFunctionArn, payload: Buffer.from('{}'), logTail: false, ...overrides };
}

/** Answers every event by `handler` until its process ends. */
function serving(handler: (event: string, process: RuntimeProcess, requestId: string) => string | Buffer | Promise<string>): RuntimeProgram {
  return async (process) => {
    for (;;) {
      const { headers, body } = await process.client.next();
      const requestId = String(headers['lambda-runtime-aws-request-id']);
      await process.client.respond(requestId, await handler(body, process, requestId));
    }
  };
}

/** Takes an event and then does something else than answering it. */
function onEvent(act: (process: RuntimeProcess, requestId: string) => void | Promise<void>): RuntimeProgram {
  return async (process) => {
    const { headers } = await process.client.next();
    await act(process, String(headers['lambda-runtime-aws-request-id']));
  };
}

const forever = new Promise<never>(() => {});

describe('FunctionInvoker.invoke()', () => {
  it('makes, claims and starts an environment, then uses it again', async () => {
    let count = 0;
    const { agent, invoker } = rig(serving((event) => `${event} ${++count}`));
    const first = await invoker.invoke(request(functionVersion(), { payload: Buffer.from('"a"') }));
    const second = await invoker.invoke(request(functionVersion(), { payload: Buffer.from('"b"') }));
    expect([String(first.payload), String(second.payload)]).toEqual(['"a" 1', '"b" 2']);
    expect(first).toMatchObject({ executedVersion: '$LATEST' });
    expect(first.functionError).toBeUndefined();
    expect(agent.verbs).toEqual(['openSlot', 'prepare', 'claim', 'listExtensions', 'setLimits init', 'start', 'setLimits invoke']);
  });

  it('runs a function no more often at once than is reserved for it, over its versions, and leaves others alone', async () => {
    const go = Promise.withResolvers<void>();
    const { agent, invoker } = rig(serving((event) => go.promise.then(() => event)));
    const version = (more: Partial<FunctionVersion>) => request(functionVersion(more));
    const running = [
      invoker.invoke(version({ reservedConcurrency: 2 })),
      invoker.invoke(version({ reservedConcurrency: 2, version: '1', revisionId: 'r1' })),
      invoker.invoke(version({ functionName: 'other', revisionId: 'r2' })),
    ];
    await expect(invoker.invoke(version({ reservedConcurrency: 2 }))).rejects.toMatchObject({ code: 'ConcurrencyReached' });
    await expect(invoker.invoke(version({ functionName: 'stopped', reservedConcurrency: 0 }))).rejects.toMatchObject({ code: 'ConcurrencyReached' });
    go.resolve();
    await Promise.all(running);
    expect(String((await invoker.invoke(version({ reservedConcurrency: 2 }))).payload)).toBe('{}');
    expect(agent.verbs.filter((verb) => verb === 'openSlot')).toHaveLength(3);
  });

  it('gives the runtime Lambda’s variables over the function’s, and credentials of the environment’s own', async () => {
    const { invoker } = rig(serving((_event, process) => JSON.stringify(process.variables)));
    const environment = { GREETING: 'hello', TZ: 'Europe/Rome', AWS_REGION: 'mars-1', _HANDLER: 'other' };
    const { payload } = await invoker.invoke(request(functionVersion({ environment, version: '7' })));
    expect(JSON.parse(String(payload))).toMatchObject({
      GREETING: 'hello',
      TZ: 'Europe/Rome',
      PATH: '/var/lang/bin:/usr/local/bin',
      AWS_REGION: 'us-east-1',
      _HANDLER: 'index.handler',
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
      AWS_LAMBDA_FUNCTION_NAME: 'thumbnail',
      AWS_LAMBDA_FUNCTION_VERSION: '7',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/thumbnail',
      AWS_LAMBDA_LOG_STREAM_NAME: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[7\][0-9a-f]{32}$/),
      AWS_ACCESS_KEY_ID: expect.stringMatching(/^ASIA-env-/),
      AWS_SESSION_TOKEN: 'token',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      LAMBDA_TASK_ROOT: '/var/task',
    });
  });

  it('adds to REPORT the trace of a request that is sampled, and of no other', async () => {
    const { invoker, lines } = rig(serving((event) => event));
    const header = (sampled: string) => `Root=1-677faf89-09a6b95269c6e56c4d1ab356;Parent=0efbd19962d95b05;Sampled=${sampled}`;
    await invoker.invoke(request(functionVersion(), { traceHeader: header('0') }));
    await invoker.invoke(request(functionVersion(), { traceHeader: header('1') }));
    await expect.poll(async () => (await lines()).filter((line) => line.startsWith('REPORT')).length).toBe(2);
    const [plain, traced] = (await lines()).filter((line) => line.startsWith('REPORT'));
    expect(plain).not.toContain('XRAY');
    expect(traced).toMatch(/\t\nXRAY TraceId: 1-677faf89-09a6b95269c6e56c4d1ab356\tSegmentId: [0-9a-f]{16}\tSampled: true\t\n$/);
  });

  it('writes INIT_START, START, the function’s own lines, END and REPORT, in this order', async () => {
    const { invoker, lines } = rig(
      serving((_event, process) => {
        process.print('to stdout\nno line feed');
        return '1';
      }),
    );
    const one = request();
    const { logTail } = await invoker.invoke({ ...one, logTail: true });
    const written = await lines();
    expect(written).toEqual([
      `INIT_START Runtime Version: nodejs:24.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:${'ab'.repeat(32)}\n`,
      `START RequestId: ${one.requestId} Version: $LATEST\n`,
      'to stdout\n',
      'no line feed',
      `END RequestId: ${one.requestId}\n`,
      expect.stringMatching(
        new RegExp(
          `^REPORT RequestId: ${one.requestId}\tDuration: \\d+\\.\\d\\d ms\tBilled Duration: \\d+ ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tInit Duration: \\d+\\.\\d\\d ms\t\n$`,
        ),
      ),
    ]);
    expect(String(logTail)).toBe(written.slice(1).join(''));
  });

  it('reports Init Duration for the first invocation only', async () => {
    const { invoker } = rig(serving(() => '1'));
    const first = await invoker.invoke(request(functionVersion(), { logTail: true }));
    const second = await invoker.invoke(request(functionVersion(), { logTail: true }));
    expect(String(first.logTail)).toContain('Init Duration');
    expect(String(second.logTail)).not.toContain('Init Duration');
  });

  it('keeps the last 4 KiB of the invocation’s log', async () => {
    const { invoker } = rig(
      serving((_event, process) => {
        for (let line = 0; line < 500; line += 1) process.printError(`line ${line} of the invocation\n`);
        return '1';
      }),
    );
    const { logTail } = await invoker.invoke(request(functionVersion(), { logTail: true }));
    expect(logTail?.length).toBe(4_096);
    expect(String(logTail)).toContain('line 499');
    expect(String(logTail)).toMatch(/REPORT [^\n]*\n$/);
  });

  it('hands a function’s own error to the client as the runtime posted it', async () => {
    const { invoker } = rig(
      onEvent(async (process, requestId) => {
        await process.client.fail(requestId, { errorType: 'Function.Broken', errorMessage: 'no such key' });
        await process.client.next();
      }),
    );
    const result = await invoker.invoke(request());
    expect(result.functionError).toBe('Unhandled');
    expect(String(result.payload)).toBe('{"errorType":"Function.Broken","errorMessage":"no such key"}');
  });

  it('serves concurrent invocations in an environment each and never two in one', async () => {
    let running = 0;
    const gate = Promise.withResolvers<void>();
    const { agent, invoker } = rig(
      serving(async (_event, process) => {
        running += 1;
        if (running === 3) gate.resolve();
        await gate.promise;
        return JSON.stringify(process.environmentId);
      }),
    );
    const results = await Promise.all([1, 2, 3].map(() => invoker.invoke(request())));
    expect(new Set(results.map(({ payload }) => String(payload))).size).toBe(3);
    expect(agent.living.size).toBe(3);
  });

  it('never uses an environment for another account, function, version or revision', async () => {
    const { invoker } = rig(serving((_event, process) => process.environmentId));
    const functions = [
      functionVersion(),
      functionVersion({ accountId: '210987654321' }),
      functionVersion({ functionName: 'other' }),
      functionVersion({ version: '1' }),
      functionVersion({ revisionId: 'revision-2' }),
    ];
    const seen = new Set<string>();
    for (const fn of functions) seen.add(String((await invoker.invoke(request(fn))).payload));
    expect(seen.size).toBe(functions.length);
  });

  it('is NoCapacity when every environment is busy and no more are allowed', async () => {
    const started = Promise.withResolvers<void>();
    const { invoker } = rig(
      onEvent(async () => {
        started.resolve();
        await forever;
      }),
      { maxEnvironments: 1 },
    );
    const busy = invoker.invoke(request());
    await started.promise;
    await expect(invoker.invoke(request())).rejects.toMatchObject({ code: 'NoCapacity' });
    await invoker.stop(0);
    expect(JSON.parse(String((await busy).payload)).errorType).toBe('Sandbox.Failure');
  });

  it.each([
    ['openSlot', 'HostUnfit', 'HostUnfit'],
    ['prepare', 'WallUnavailable', 'HostUnfit'],
    ['claim', 'NoCapacity', 'NoCapacity'],
    ['claim', 'NotFound', 'Internal'],
    ['setLimits init', 'Internal', 'Internal'],
  ] as const)('when the agent refuses %s with %s rejects with %s and leaves nothing', async (verb, refusal, told) => {
    const { agent, invoker } = rig(serving(() => '1'));
    agent.refusals.set(verb, new CloisterError(refusal, 'refused', { operation: 'test' }));
    await expect(invoker.invoke(request())).rejects.toMatchObject({ code: told });
    expect([...agent.living.keys()]).toEqual([]);
  });

  it.each(['EnvironmentGone', 'Internal', 'WallUnavailable'] as const)(
    'makes another environment for one that was killed while it was made, told as %s',
    async (code) => {
      const { agent, invoker } = rig(serving(() => '1'));
      agent.refusals.set('claim', new CloisterError(code, 'gone', { operation: 'test' }));
      const { claim } = agent;
      agent.claim = (options) => claim.call(agent, options).finally(() => agent.refusals.delete('claim'));
      expect(String((await invoker.invoke(request())).payload)).toBe('1');
      expect(agent.living.size).toBe(1);
    },
  );

  it('needs the images of a version until its invocation is over, also when the version was replaced', async () => {
    const { agent, invoker } = rig(serving(() => '1'));
    const { accountId, functionName, codeDigest } = request().function;
    const image = { accountId, digest: codeDigest };
    const needed: boolean[] = [];
    const { claim } = agent;
    agent.claim = (options) => {
      invoker.retire({ accountId, functionName });
      needed.push(invoker.needsImage(image), invoker.needsImage({ ...image, accountId: '210987654321' }));
      return claim.call(agent, options);
    };
    await invoker.invoke(request());
    needed.push(invoker.needsImage(image));
    expect(needed).toEqual([true, false, false]);
  });

  it('lets what a second try made serve once, when its version was replaced meanwhile', async () => {
    const { agent, invoker } = rig(serving(() => '1'));
    agent.refusals.set('claim', new CloisterError('EnvironmentGone', 'gone', { operation: 'test' }));
    const { claim } = agent;
    const { accountId, functionName } = request().function;
    agent.claim = (options) =>
      claim.call(agent, options).finally(() => {
        if (agent.refusals.delete('claim')) invoker.retire({ accountId, functionName });
      });
    expect(String((await invoker.invoke(request())).payload)).toBe('1');
    await vi.waitFor(() => expect(agent.living.size).toBe(0));
  });

  it('tries a destruction that failed again, and tells of it', async () => {
    const onProblem = (): void => void agent.refusals.delete('destroy');
    const { agent, invoker, problems } = rig(
      serving(() => '1'),
      { timeScale: 0.01, onProblem },
    );
    await invoker.invoke(request());
    agent.refusals.set('destroy', new CloisterError('Internal', 'device busy', { operation: 'test' }));
    await invoker.stop(0);
    expect(problems).toHaveLength(1);
    expect(agent.verbs.filter((verb) => verb === 'destroy')).toHaveLength(2);
  });

  it('takes an environment for gone when its agent is', async () => {
    const { agent, invoker, problems } = rig(serving(() => '1'));
    await invoker.invoke(request());
    agent.refusals.set('destroy', new CloisterError('AgentGone', 'the agent has ended', { operation: 'test' }));
    await invoker.stop(0);
    expect(problems).toEqual([]);
    expect(invoker.listEnvironments()).toEqual([]);
    agent.refusals.clear();
    for (const id of agent.living.keys()) await agent.destroy(id);
  });

  it('takes none after stop()', async () => {
    const { invoker } = rig(serving(() => '1'));
    await invoker.stop(0);
    await expect(invoker.invoke(request())).rejects.toMatchObject({ code: 'ShuttingDown' });
  });
});

describe('a function that fails', () => {
  it('times out: Sandbox.Timedout, the environment is reset, /tmp stays, the next invocation starts the runtime again', async () => {
    const { agent, invoker, lines } = rig(
      async (process) => {
        if (process.run === 1) return onEvent(() => forever)(process);
        return serving(() => '"again"')(process);
      },
      { timeScale: 0.02 },
    );
    const one = request(functionVersion({ timeoutSeconds: 1 }));
    const result = await invoker.invoke(one);
    expect(JSON.parse(String(result.payload))).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${one.requestId} Error: Task timed out after 1.00 seconds`,
    });
    expect(result).toMatchObject({ functionError: 'Unhandled', timedOut: true });
    const second = await invoker.invoke(request(functionVersion({ timeoutSeconds: 1 })));
    expect(String(second.payload)).toBe('"again"');
    expect(second.timedOut).toBeUndefined();
    expect(agent.verbs.slice(5)).toEqual(['start', 'setLimits invoke', 'reset', 'setLimits init', 'start', 'setLimits invoke']);
    expect((await lines()).join('')).toMatch(new RegExp(`REPORT RequestId: ${one.requestId}\t.*\tStatus: timeout\t\n`));
  });

  it('keeps nobody waiting for its extensions to end: not for the answer, the tail or another environment', async () => {
    const told = Promise.withResolvers<void>();
    const deaf = extensionProgram('deaf', {
      onShutdown: async () => {
        told.resolve();
        await forever;
      },
    });
    let hasFailed = false;
    const runtime = serving((_event, process) => {
      if (hasFailed) return '"other"';
      hasFailed = true;
      process.exit({ status: 1 });
      return forever;
    });
    const { agent, invoker } = rig(runtime, { timeScale: 0.2, extensions: { deaf } });
    const fn = functionVersion({ timeoutSeconds: 60 });
    expect(String((await invoker.invoke(request(fn, { logTail: true }))).logTail)).toContain('Error Type: Runtime.ExitError');
    expect(agent.verbs).not.toContain('reset');
    expect(String((await invoker.invoke(request(fn))).payload)).toBe('"other"');
    await told.promise;
    expect(agent.verbs.filter((verb) => verb === 'openSlot')).toHaveLength(2);
  });

  it.each([
    [{ status: 0 }, 'Runtime exited without providing a reason'],
    [{ status: 127 }, 'Runtime exited with error: exit status 127'],
    [{ signal: 11 }, 'Runtime exited with error: signal: segmentation fault'],
    [{ signal: 9 }, 'Runtime exited with error: signal: killed'],
  ])('exits with %o: Runtime.ExitError "%s"', async (how, message) => {
    const { invoker } = rig(async (process) => (process.run === 1 ? onEvent(() => process.exit(how))(process) : serving(() => '2')(process)));
    const one = request(functionVersion(), { logTail: true });
    const result = await invoker.invoke(one);
    expect(String(result.payload)).toBe(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ${one.requestId} Error: ${message}"}`);
    expect(String(result.logTail)).toContain('\tStatus: error\tError Type: Runtime.ExitError\t\n');
    expect(String((await invoker.invoke(request())).payload)).toBe('2');
  });

  it('runs out of memory: signal: killed, and REPORT says Runtime.OutOfMemory', async () => {
    const { invoker } = rig(onEvent((process) => process.exit({ signal: 9, outOfMemory: true })));
    const one = request(functionVersion(), { logTail: true });
    const result = await invoker.invoke(one);
    expect(JSON.parse(String(result.payload))).toEqual({
      errorType: 'Runtime.ExitError',
      errorMessage: `RequestId: ${one.requestId} Error: Runtime exited with error: signal: killed`,
    });
    expect(String(result.logTail)).toContain('Status: error\tError Type: Runtime.OutOfMemory');
  });

  it('answers with more than the limit: Function.ResponseSizeTooLarge, and the environment serves on', async () => {
    const { agent, invoker } = rig(serving((event) => (event === '"big"' ? Buffer.alloc(6_291_557, 'x') : '"small"')));
    const result = await invoker.invoke(request(functionVersion(), { payload: Buffer.from('"big"') }));
    expect(String(result.payload)).toBe(
      '{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}',
    );
    expect(String((await invoker.invoke(request())).payload)).toBe('"small"');
    expect(agent.verbs.filter((verb) => verb === 'start')).toHaveLength(1);
  });

  it('loses PID 1: the invocation fails and the environment is destroyed', async () => {
    const { agent, invoker } = rig(onEvent((process) => process.vanish()));
    const result = await invoker.invoke(request(functionVersion(), { logTail: true }));
    expect(JSON.parse(String(result.payload)).errorType).toBe('Runtime.ExitError');
    expect(agent.verbs.at(-1)).toBe('destroy');
    expect(agent.verbs).not.toContain('reset');
  });

  it('exits while idle: the next invocation starts it again in the same environment', async () => {
    let leave: (() => void) | undefined;
    const { agent, invoker } = rig(
      serving((_event, process) => {
        leave = () => process.exit({ status: 1 });
        return JSON.stringify(process.run);
      }),
    );
    expect(String((await invoker.invoke(request(functionVersion(), { logTail: true }))).payload)).toBe('1');
    leave?.();
    expect(String((await invoker.invoke(request())).payload)).toBe('2');
    expect(agent.verbs.filter((verb) => verb === 'openSlot')).toHaveLength(1);
  });

  it('exits after its answer: the client keeps the answer, REPORT tells of the exit', async () => {
    const { invoker } = rig(
      onEvent(async (process, requestId) => {
        await process.client.respond(requestId, '"done"');
        process.exit({ status: 3 });
      }),
    );
    const result = await invoker.invoke(request(functionVersion(), { logTail: true }));
    expect(String(result.payload)).toBe('"done"');
    expect(result.functionError).toBeUndefined();
    expect(String(result.logTail)).toContain('Error Type: Runtime.ExitError');
  });
});

describe('init', () => {
  it('that posts an error is run again with the first invocation; the second error is the client’s answer', async () => {
    const { agent, invoker, lines } = rig(async (process) => {
      await process.client.initError({ errorType: 'Runtime.ImportModuleError', errorMessage: `attempt ${process.run}` });
    });
    const result = await invoker.invoke(request(functionVersion(), { logTail: true }));
    expect(result.functionError).toBe('Unhandled');
    expect(String(result.payload)).toBe('{"errorType":"Runtime.ImportModuleError","errorMessage":"attempt 2"}');
    expect(agent.verbs.filter((verb) => verb === 'start')).toHaveLength(2);
    const written = await lines();
    // What an init within an invocation has to tell comes before the invocation's START, as in Lambda.
    expect(written.map((line) => line.split(' ')[0])).toEqual(['INIT_START', 'INIT_REPORT', 'INIT_REPORT', 'START', 'END', 'REPORT']);
    const reports = written.filter((line) => line.startsWith('INIT_REPORT'));
    expect(reports).toEqual([
      expect.stringMatching(/^INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n$/),
      expect.stringMatching(/^INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\n$/),
    ]);
  });

  it('that fails once and then succeeds serves the invocation, without an Init Duration', async () => {
    const { invoker } = rig(async (process) => {
      if (process.run === 1) return process.exit({ status: 1 });
      return serving(() => '"second attempt"')(process);
    });
    const result = await invoker.invoke(request(functionVersion(), { logTail: true }));
    expect(String(result.payload)).toBe('"second attempt"');
    expect(String(result.logTail)).not.toContain('Init Duration');
  });

  it('that exits twice is Runtime.ExitError', async () => {
    const { invoker } = rig(async (process) => process.exit({ status: 42 }));
    const result = await invoker.invoke(request());
    expect(JSON.parse(String(result.payload)).errorMessage).toMatch(/^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 42$/);
  });

  it('that takes over ten seconds is reset and run again under the function’s own limit', async () => {
    const { agent, invoker, lines } = rig(() => forever, { timeScale: 0.005 });
    const one = request(functionVersion({ timeoutSeconds: 2 }), { logTail: true });
    const result = await invoker.invoke(one);
    expect(JSON.parse(String(result.payload)).errorMessage).toBe(`RequestId: ${one.requestId} Error: Task timed out after 2.00 seconds`);
    const written = await lines();
    expect(written.slice(1, 4)).toEqual([
      expect.stringMatching(/^INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: timeout\n$/),
      expect.stringMatching(/^INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: timeout\n$/),
      expect.stringMatching(/^START /),
    ]);
    expect(agent.verbs.slice(4)).toEqual(['setLimits init', 'start', 'reset', 'setLimits init', 'start', 'reset']);
  });

  it('under which PID 1 goes fails the invocation and ends the environment', async () => {
    const { agent, invoker } = rig(async (process) => process.vanish(true));
    const result = await invoker.invoke(request(functionVersion(), { logTail: true }));
    expect(JSON.parse(String(result.payload)).errorMessage).toContain('signal: killed');
    expect(agent.verbs.at(-1)).toBe('destroy');
  });

  it('with nothing to start is Runtime.InvalidEntrypoint', async () => {
    const { agent, invoker } = rig(serving(() => '1'));
    agent.refusals.set('start', new CloisterError('NotFound', 'no entry point', { operation: 'test' }));
    const result = await invoker.invoke(request());
    expect(JSON.parse(String(result.payload)).errorType).toBe('Runtime.InvalidEntrypoint');
  });
});

describe('FunctionInvoker', () => {
  it('gives each tenant of a function environments of its own and says whose an event is', async () => {
    const { agent, invoker } = rig(async ({ client, environmentId }) => {
      for (;;) {
        const { headers } = await client.next();
        const tenant = headers['lambda-runtime-aws-tenant-id'] ?? null;
        await client.respond(String(headers['lambda-runtime-aws-request-id']), JSON.stringify({ environmentId, tenant }));
      }
    });
    const fn = functionVersion({ tenantIsolationMode: 'PER_TENANT' });
    const invoke = async (tenantId: string): Promise<{ environmentId: string; tenant: string | null }> =>
      JSON.parse(String((await invoker.invoke(request(fn, { tenantId, logTail: true }))).payload));
    const blue = await invoke('blue');
    const green = await invoke('green');
    expect([blue.tenant, green.tenant]).toEqual(['blue', 'green']);
    expect(green.environmentId).not.toBe(blue.environmentId);
    expect(await invoke('blue')).toEqual(blue);
    expect(await invoke('green')).toEqual(green);
    expect(agent.claims.map(({ owner }) => owner.tenantId)).toEqual(['blue', 'green']);
    expect(invoker.listEnvironments().map(({ tenantId }) => tenantId)).toEqual(['blue', 'green']);
    await expect(invoker.invoke(request(fn))).rejects.toMatchObject({ code: 'Internal' });
    await expect(invoker.invoke(request(functionVersion(), { tenantId: 'blue' }))).rejects.toMatchObject({ code: 'Internal' });
  });

  it('retire() ends idle environments now and a busy one after its invocation', async () => {
    const gate = Promise.withResolvers<void>();
    const busyStarted = Promise.withResolvers<void>();
    const { agent, invoker } = rig(
      serving(async (event) => {
        if (event !== '"wait"') return '1';
        busyStarted.resolve();
        await gate.promise;
        return '"waited"';
      }),
    );
    const busy = invoker.invoke(request(functionVersion(), { payload: Buffer.from('"wait"'), logTail: true }));
    await busyStarted.promise;
    await invoker.invoke(request(functionVersion(), { logTail: true }));
    expect(agent.living.size).toBe(2);
    invoker.retire({ accountId: '123456789012', functionName: 'thumbnail' });
    await expect.poll(() => agent.living.size).toBe(1);
    gate.resolve();
    expect(String((await busy).payload)).toBe('"waited"');
    await invoker.stop(1_000);
    expect(agent.living.size).toBe(0);
  });

  it('lists environments and stops one by its id, failing what runs in it', async () => {
    const started = Promise.withResolvers<void>();
    const { invoker } = rig(
      onEvent(async () => {
        started.resolve();
        await forever;
      }),
    );
    const running = invoker.invoke(request());
    await started.promise;
    const [summary] = invoker.listEnvironments();
    expect(summary).toMatchObject({
      accountId: '123456789012',
      functionName: 'thumbnail',
      version: '$LATEST',
      state: 'busy',
      driver: 'oci',
      memoryMiB: 128,
    });
    expect(await invoker.stopEnvironment('env-ffffffffffffffff')).toBe(false);
    expect(await invoker.stopEnvironment(String(summary?.id))).toBe(true);
    expect((await running).functionError).toBe('Unhandled');
    expect(invoker.listEnvironments()).toEqual([]);
  });

  it('stop() lets a running invocation finish within its grace', async () => {
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const { invoker } = rig(
      serving(async () => {
        started.resolve();
        await gate.promise;
        return '"finished"';
      }),
    );
    const running = invoker.invoke(request());
    await started.promise;
    const stopped = invoker.stop(60_000);
    gate.resolve();
    expect(String((await running).payload)).toBe('"finished"');
    await stopped;
  });
});
