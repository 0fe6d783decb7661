import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  DeleteFunctionCommand,
  InvokeCommand,
  type InvokeCommandInput,
  type LambdaClient,
  ListFunctionsCommand,
  PublishVersionCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { type DeployOptions, deploy } from '../functions.ts';
import { type Language, languages, shellFiles } from './behaviour-functions.ts';

const maxResponseBytes = 6_291_556;
const maxPayloadBytes = 6_291_456;
const initTimeoutSeconds = 10;

interface Answer {
  readonly value: unknown;
  readonly text: string;
  readonly functionError: string | undefined;
  readonly log: string;
  readonly requestId: string;
  readonly version: string | undefined;
}

interface Counted {
  readonly count: number;
  readonly runs: number;
  readonly stream: string;
}

let daemon: RunningDaemon;
let lambda: LambdaClient;
let admin: AdminClient;
/** Begun first and looked at last: it takes longer than anything else. */
let longInit: Promise<Answer>;

beforeAll(async () => {
  daemon = await startDaemon();
  lambda = daemon.lambda();
  admin = adminOf(daemon.credentials);
  const slow = { 'index.py': `import time\ntime.sleep(${initTimeoutSeconds + 5})\ndef handler(event, context):\n    pass\n` };
  await deploy(lambda, { name: 'long-init', runtime: 'python3.13', files: slow, Timeout: 1 });
  longInit = call('long-init');
  longInit.catch(() => undefined);
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

function adminOf(credentials: Credentials): AdminClient {
  return new AdminClient({ ...credentials, credentials });
}

async function call(name: string, event: unknown = {}, more: Partial<InvokeCommandInput> = {}, client = lambda): Promise<Answer> {
  const answer = await client.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event), LogType: 'Tail', ...more }));
  const text = Buffer.from(answer.Payload ?? []).toString();
  return {
    text,
    value: text === '' ? undefined : JSON.parse(text),
    functionError: answer.FunctionError,
    log: Buffer.from(answer.LogResult ?? '', 'base64').toString('latin1'),
    requestId: answer.$metadata.requestId ?? '',
    version: answer.ExecutedVersion,
  };
}

async function counted(name: string, more: Partial<InvokeCommandInput> = {}): Promise<Counted> {
  const { value, functionError } = await call(name, {}, more);
  expect(functionError, JSON.stringify(value)).toBeUndefined();
  return value as Counted;
}

interface LogEvent {
  readonly timestamp: number;
  readonly message: string;
  readonly logStream: string;
}

async function logsOf(functionName: string, client = admin): Promise<readonly LogEvent[]> {
  return ((await client.get('logs', { functionName })) as { events: LogEvent[] }).events;
}

interface Listed {
  readonly id: string;
  readonly accountId: string;
  readonly functionName: string;
  readonly version: string;
  readonly state: string;
}

async function environmentsOf(functionName: string, client = admin): Promise<readonly Listed[]> {
  const { environments } = (await client.get('environments')) as { environments: Listed[] };
  return environments.filter((environment) => environment.functionName === functionName);
}

/** The tail of an invocation that logs nothing itself; `report` is what follows the memory. */
function silentLog(requestId: string, memoryMiB: number, report = ''): RegExp {
  const memory = `Memory Size: ${memoryMiB} MB\\tMax Memory Used: \\d+ MB\\t`;
  return new RegExp(
    `^START RequestId: ${requestId} Version: \\$LATEST\\nEND RequestId: ${requestId}\\n` +
      `REPORT RequestId: ${requestId}\\tDuration: \\d+\\.\\d\\d ms\\tBilled Duration: \\d+ ms\\t${memory}${report}\\n$`,
  );
}

function reported(log: string): { readonly durationMs: number; readonly billedMs: number; readonly usedMiB: number; readonly initMs: number } {
  const number = (pattern: RegExp) => Number(pattern.exec(log)?.[1]);
  return {
    durationMs: number(/\tDuration: (\S+) ms/),
    billedMs: number(/\tBilled Duration: (\d+) ms/),
    usedMiB: number(/\tMax Memory Used: (\d+) MB/),
    initMs: number(/\tInit Duration: (\S+) ms/),
  };
}

/** Resolves once a function's only environment is busy. */
function becomesBusy(name: string, client = admin): Promise<void> {
  return expect.poll(async () => (await environmentsOf(name, client)).map(({ state }) => state), { interval: 50, timeout: 20_000 }).toEqual(['busy']);
}

describe.each(languages)('a function of $runtime', ({ runtime, label, files, variables, thrown }) => {
  const name = `any-${runtime.replaceAll('.', '-')}`;
  const brief = `brief-${runtime.replaceAll('.', '-')}`;
  let first: Answer;

  beforeAll(async () => {
    await deploy(lambda, { name, runtime, files, MemorySize: 256, Environment: { Variables: { STAGE: 'test', LANG: 'C.UTF-8' } } });
    await deploy(lambda, { name: brief, runtime, files, MemorySize: 128, Timeout: 1 });
    first = await call(name);
  });

  it('writes START, END and REPORT, and tells its init once', async () => {
    expect(first.value).toMatchObject({ count: 1, runs: 1 });
    expect(first.log).toMatch(silentLog(first.requestId, 256, 'Init Duration: \\d+\\.\\d\\d ms\\t'));
    const second = await call(name);
    expect(second.value).toMatchObject({ count: 2, runs: 2 });
    expect(second.log).toMatch(silentLog(second.requestId, 256));
    for (const { log } of [first, second]) {
      const { durationMs, billedMs, usedMiB } = reported(log);
      expect(billedMs).toBe(Math.max(1, Math.ceil(durationMs)));
      expect(usedMiB).toBeGreaterThan(5);
      expect(usedMiB).toBeLessThan(256);
    }
    expect(reported(first.log).initMs).toBeGreaterThan(5);
  });

  it('begins its log stream with INIT_START', async () => {
    const [{ stream }, [init, start]] = [await counted(name), await logsOf(name)];
    expect(init?.message).toMatch(
      new RegExp(`^INIT_START Runtime Version: ${label}\\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}\\n$`),
    );
    expect(start?.message).toBe(`START RequestId: ${first.requestId} Version: $LATEST\n`);
    expect(init?.logStream).toBe(stream);
    expect(stream).toMatch(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  });

  it('is told its context', async () => {
    const { value, requestId } = await call(name, { do: 'context' });
    const { remainingMs, logStream, ...context } = value as Record<string, unknown>;
    expect(context).toEqual({
      name,
      version: '$LATEST',
      memory: '256',
      arn: `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
      requestId,
      logGroup: `/aws/lambda/${name}`,
      client: null,
    });
    expect(requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(logStream).toMatch(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
    expect(remainingMs).toBeGreaterThan(28_000);
    expect(remainingMs).toBeLessThanOrEqual(30_000);
  });

  it('is given the client context', async () => {
    const client = { client: { app_title: 'a title' }, custom: { word: 'Grüße' }, env: { locale: 'de' } };
    const ClientContext = Buffer.from(JSON.stringify(client)).toString('base64');
    expect((await call(name, { do: 'context' }, { ClientContext })).value).toMatchObject({ client });
    expect((await call(name, { do: 'context' })).value).toMatchObject({ client: null });
  });

  it('has exactly the environment variables of Lambda', async () => {
    const { value } = await call(name, { do: 'environment' });
    const { _X_AMZN_TRACE_ID: _trace, ...found } = value as Record<string, string>;
    expect(found).toEqual({
      AWS_ACCESS_KEY_ID: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      AWS_SECRET_ACCESS_KEY: expect.stringMatching(/^[A-Za-z0-9/+]{40}$/),
      AWS_SESSION_TOKEN: expect.stringMatching(/^[A-Za-z0-9/+=]{100,}$/),
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: (first.value as Counted).stream,
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
      AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
      AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:2000',
      LAMBDA_TASK_ROOT: '/var/task',
      LAMBDA_RUNTIME_DIR: '/var/runtime',
      _HANDLER: 'index.handler',
      TZ: ':UTC',
      PATH: '/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin',
      LD_LIBRARY_PATH: '/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib',
      // The entry point is a shell script, as Lambda's.
      PWD: '/var/task',
      // The function's own; the second one in the place of the runtime's.
      STAGE: 'test',
      LANG: 'C.UTF-8',
      ...variables,
    });
  });

  it('works in /var/task as sbx_user1051', async () => {
    expect((await call(name, { do: 'process' })).value).toMatchObject({ cwd: '/var/task', uid: 993, gid: 990 });
  });

  it('is given and answers any JSON', async () => {
    for (const value of [null, 0, 'text', [1, [2]], { a: { b: 'Grüße ✓ \u2028' } }, false]) {
      expect((await call(name, { do: 'echo', value })).value).toEqual(value);
    }
  });

  it('answers an error in the form of its language', async () => {
    const { value, functionError, log, requestId } = await call(name, { do: 'throw' });
    expect(functionError).toBe('Unhandled');
    expect(Object.keys(value as object)).toEqual(Object.keys(thrown));
    expect(value).toMatchObject({
      ...thrown,
      ...('trace' in thrown ? { trace: expect.arrayContaining(thrown['trace'] as string[]) } : {}),
      ...('stackTrace' in thrown ? { requestId, stackTrace: [expect.stringContaining('/var/task/index.py')] } : {}),
    });
    expect(log).toMatch(/out of range/);
    expect(log).not.toMatch(/Status:/);
    // An error is no reason to begin anew.
    expect((await counted(name)).count).toBeGreaterThan(2);
  });

  it('keeps the last 4 KiB of its log for the client, and the whole log in its stream', async () => {
    const lines = [
      [1, `${'o'.repeat(99)}\n`, 60],
      [2, 'last words\n'],
    ];
    const { log, requestId } = await call(name, { do: 'print', lines });
    expect(log).toHaveLength(4_096);
    expect(log).toMatch(new RegExp(`last words\\nEND RequestId: ${requestId}\\nREPORT RequestId: ${requestId}\\t.*\\t\\n$`));
    const messages = (await logsOf(name)).map(({ message }) => message);
    const own = messages.slice(messages.indexOf(`START RequestId: ${requestId} Version: $LATEST\n`) + 1);
    expect(own.slice(0, 62)).toEqual([...Array(60).fill(`${'o'.repeat(99)}\n`), 'last words\n', `END RequestId: ${requestId}\n`]);
  });

  it('fails with a response over the limit, and goes on', async () => {
    const before = await counted(name);
    const { text, functionError } = await call(name, { do: 'large', characters: maxResponseBytes });
    expect(functionError).toBe('Unhandled');
    expect(text).toBe(
      `{"errorMessage":"Response payload size exceeded maximum allowed payload size (${maxResponseBytes} bytes).","errorType":"Function.ResponseSizeTooLarge"}`,
    );
    const { value } = await call(name, { do: 'large', characters: maxResponseBytes - 2 });
    expect(value).toHaveLength(maxResponseBytes - 2);
    expect((await counted(name)).runs).toBeGreaterThan(before.runs);
  });

  it('is timed out: its process is replaced, /tmp stays', async () => {
    const before = await counted(brief);
    for (const event of [{ do: 'wait', ms: 20_000 }, { do: 'spin' }]) {
      const { text, functionError, log, requestId } = await call(brief, event);
      expect(functionError).toBe('Unhandled');
      expect(text).toBe(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ${requestId} Error: Task timed out after 1.00 seconds"}`);
      expect(log).toMatch(new RegExp(`^\\S+Z ${requestId} Task timed out after 1\\.00 seconds$`, 'm'));
      expect(log).toMatch(/\tBilled Duration: 1000 ms\t.*\tStatus: timeout\t\n$/);
      expect(reported(log).durationMs).toBeGreaterThanOrEqual(1_000);
      expect(reported(log).durationMs).toBeLessThan(2_000);
    }
    const after = await call(brief);
    expect(after.value).toEqual({ count: 1, runs: before.runs + 3, stream: before.stream });
    expect(after.log).not.toMatch(/Status:/);
  });

  it.each([
    [{ do: 'exit', status: 0 }, 'Runtime exited without providing a reason'],
    [{ do: 'exit', status: 127 }, 'Runtime exited with error: exit status 127'],
    [{ do: 'signal', signal: 'SIGKILL' }, 'Runtime exited with error: signal: killed'],
    [{ do: 'signal', signal: 'SIGSEGV' }, 'Runtime exited with error: signal: segmentation fault'],
  ])('that ends by %o fails with "%s", and begins anew', async (event, reason) => {
    const before = await counted(name);
    const { text, functionError, log, requestId } = await call(name, event);
    expect(functionError).toBe('Unhandled');
    expect(text).toBe(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ${requestId} Error: ${reason}"}`);
    expect(log).toContain(`\nRequestId: ${requestId} Error: ${reason}\nRuntime.ExitError\nEND RequestId: ${requestId}\n`);
    expect(log).toMatch(/\tStatus: error\tError Type: Runtime\.ExitError\t\n$/);
    expect(await counted(name)).toEqual({ count: 1, runs: before.runs + 2, stream: before.stream });
  });

  it('that takes more memory than it has is killed', async () => {
    const { text, functionError, log, requestId } = await call(name, { do: 'hog' });
    expect(functionError).toBe('Unhandled');
    expect(text).toBe(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ${requestId} Error: Runtime exited with error: signal: killed"}`);
    expect(log).toMatch(/\tMax Memory Used: 256 MB\tStatus: error\tError Type: Runtime\.OutOfMemory\t\n$/);
  });
});

interface Variant {
  readonly what: string;
  readonly runtime: string;
  readonly handler: string;
  readonly files: Readonly<Record<string, string>>;
  readonly answer: unknown;
}

const esm = 'const word = await Promise.resolve("module"); export const handler = async (event) => ({ word, event });';
const callback = 'exports.handler = (event, context, done) => { setTimeout(() => done(null, { called: event }), 5); };';
const failing = "exports.handler = (event, context, done) => done(new TypeError('by callback'));";
const variants: readonly Variant[] = [
  { what: 'an ES module', runtime: 'nodejs22.x', handler: 'index.handler', files: { 'index.mjs': esm }, answer: { word: 'module', event: 7 } },
  {
    what: 'an ES module by package.json',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    files: { 'index.js': esm, 'package.json': '{"type":"module"}' },
    answer: { word: 'module', event: 7 },
  },
  {
    what: 'a handler deep in a folder',
    runtime: 'nodejs24.x',
    handler: 'source/app.api.handler',
    files: { 'source/app.js': 'exports.api = { handler: async (event) => ({ deep: event }) };' },
    answer: { deep: 7 },
  },
  { what: 'a callback', runtime: 'nodejs22.x', handler: 'index.handler', files: { 'index.js': callback }, answer: { called: 7 } },
  {
    what: 'a callback with an error',
    runtime: 'nodejs22.x',
    handler: 'index.handler',
    files: { 'index.js': failing },
    answer: { errorType: 'TypeError', errorMessage: 'by callback', trace: expect.any(Array) },
  },
  {
    what: 'a callback, which Node 24 has not any more',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    files: { 'index.js': callback },
    answer: expect.objectContaining({ errorType: 'Runtime.CallbackHandlerDeprecated' }),
  },
  {
    what: 'nothing to answer',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    files: { 'index.js': 'exports.handler = async () => undefined;' },
    answer: null,
  },
  {
    what: 'a nested module by dots',
    runtime: 'python3.13',
    handler: 'package.inner.app.handle',
    files: { 'package/inner/app.py': 'def handle(event, context):\n    return {"nested": event}\n' },
    answer: { nested: 7 },
  },
  {
    what: 'a nested module by slashes',
    runtime: 'python3.13',
    handler: 'package/app.handle',
    files: { 'package/app.py': 'def handle(event, context):\n    return {"nested": event}\n' },
    answer: { nested: 7 },
  },
];

describe('handlers', () => {
  it.each(variants)('may be: $what ($runtime)', async ({ runtime, handler, files, answer }) => {
    const name = `variant-${runtime.replaceAll('.', '-')}-${Object.keys(files)
      .join('')
      .replaceAll(/[^a-z]/g, '')}-${variants.findIndex((one) => one.files === files)}`;
    await deploy(lambda, { name, runtime, files, Handler: handler });
    expect((await call(name, 7)).value).toEqual(answer);
  });
});

interface Broken {
  readonly what: string;
  readonly runtime: string;
  readonly files: Readonly<Record<string, string>>;
  readonly handler?: string;
  readonly errorType: string;
  readonly errorMessage: RegExp;
}

const brokenNode = (files: Broken['files'], rest: Omit<Broken, 'runtime' | 'files'>): Broken[] =>
  ['nodejs22.x', 'nodejs24.x'].map((runtime) => ({ ...rest, runtime, files }));
const broken: readonly Broken[] = [
  ...brokenNode(
    { 'index.js': "require('absent');" },
    { what: 'a missing import', errorType: 'Runtime.ImportModuleError', errorMessage: /^Error: Cannot find module 'absent'\nRequire stack:\n/ },
  ),
  ...brokenNode(
    { 'index.js': 'exports.handler = async () => {' },
    { what: 'a syntax error', errorType: 'Runtime.UserCodeSyntaxError', errorMessage: /^SyntaxError: Unexpected end of input$/ },
  ),
  ...brokenNode(
    { 'index.js': 'exports.other = 1;' },
    { what: 'no such handler', errorType: 'Runtime.HandlerNotFound', errorMessage: /^index\.handler is undefined or not exported$/ },
  ),
  ...brokenNode(
    { 'index.js': "throw new RangeError('while loading');" },
    { what: 'an error while loading', errorType: 'RangeError', errorMessage: /^while loading$/ },
  ),
  {
    what: 'a missing import',
    runtime: 'python3.13',
    files: { 'index.py': 'import absent\n' },
    errorType: 'Runtime.ImportModuleError',
    errorMessage: /^Unable to import module 'index': No module named 'absent'$/,
  },
  {
    what: 'a syntax error',
    runtime: 'python3.13',
    files: { 'index.py': 'def handler(event, context)\n    pass\n' },
    errorType: 'Runtime.UserCodeSyntaxError',
    errorMessage: /^Syntax error in module 'index': expected ':' \(index\.py, line 1\)$/,
  },
  {
    what: 'no such handler',
    runtime: 'python3.13',
    files: { 'index.py': 'other = 1\n' },
    errorType: 'Runtime.HandlerNotFound',
    errorMessage: /^Handler 'handler' missing on module 'index'$/,
  },
  {
    what: 'a handler without a dot',
    runtime: 'python3.13',
    files: { 'index.py': 'other = 1\n' },
    handler: 'index',
    errorType: 'Runtime.MalformedHandlerName',
    errorMessage: /^Bad handler 'index': /,
  },
];

describe('an init that fails', () => {
  it.each(broken)('is answered: $what ($runtime)', async ({ what, runtime, files, handler, errorType, errorMessage }) => {
    const name = `broken-${runtime.replaceAll('.', '-')}-${what.replaceAll(' ', '-')}`;
    await deploy(lambda, { name, runtime, files, ...(handler === undefined ? {} : { Handler: handler }) });
    const { value, functionError, log } = await call(name);
    expect(functionError).toBe('Unhandled');
    expect(value).toMatchObject({ errorType, errorMessage: expect.stringMatching(errorMessage) });
    const keys = runtime.startsWith('node') ? ['errorType', 'errorMessage', 'trace'] : ['errorMessage', 'errorType', 'requestId', 'stackTrace'];
    expect(Object.keys(value as object)).toEqual(keys);
    expect(log).toMatch(/\tStatus: error\tError Type: \S+\t\n$/);
    // Lambda runs it once ahead, and once more within the first invocation.
    const reports = (await logsOf(name)).flatMap(
      ({ message }) => /^INIT_REPORT Init Duration: \S+ ms\tPhase: (\w+)\t(.*)\n$/.exec(message)?.slice(1) ?? [],
    );
    const type = /Error Type: (\S+)/.exec(log)?.[1];
    expect(reports).toEqual(['init', `Status: error\tError Type: ${type}`, 'invoke', `Status: error\tError Type: ${type}`]);
  });
});
