import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  DeleteFunctionCommand,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  ListFunctionsCommand,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { type Credentials, type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';
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
  const all: LogEvent[] = [];
  for (let afterSequence = 0; ; ) {
    const query = { functionName, afterSequence: String(afterSequence) };
    const page = (await client.get('logs', query)) as { events: LogEvent[]; nextSequence: number };
    if (page.events.length === 0) return all;
    all.push(...page.events);
    afterSequence = page.nextSequence;
  }
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
      AWS_LAMBDA_LOG_FORMAT: 'Text',
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

describe('a custom runtime', () => {
  const name = 'shell';
  beforeAll(() => deploy(lambda, { name, runtime: 'provided.al2023', files: shellFiles, MemorySize: 512 }));

  async function run(command: string, more: Partial<InvokeCommandInput> = {}): Promise<{ readonly output: string; readonly answer: Answer }> {
    const answer = await call(name, Buffer.from(command).toString('base64'), more);
    expect(answer.functionError, answer.text).toBeUndefined();
    return { output: Buffer.from(String(answer.value), 'base64').toString(), answer };
  }

  it('is given the facts of each event as headers', async () => {
    const clientContext = '{"custom":{"word":"Gr\\u00fc\\u00dfe"}}';
    const given = { ClientContext: Buffer.from(JSON.stringify(JSON.parse(clientContext))).toString('base64') };
    const { output, answer } = await run('cat /tmp/head', given);
    const headers = Object.fromEntries(output.split('\r\n').map((line) => [line.split(': ')[0]?.toLowerCase(), line.slice(line.indexOf(': ') + 2)]));
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': answer.requestId,
      'lambda-runtime-client-context': clientContext,
      'lambda-runtime-invoked-function-arn': `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
    });
    const deadlineMs = Number(headers['lambda-runtime-deadline-ms']);
    expect(deadlineMs).toBeGreaterThan(Date.now() + 20_000);
    expect(deadlineMs).toBeLessThanOrEqual(Date.now() + 30_000);
    expect((await run('cat /tmp/head')).output).not.toMatch(/client-context/i);
  });

  it('has a response acknowledged', async () => {
    await run('true');
    expect((await run('cat /tmp/status /tmp/acknowledgement')).output).toBe('202 {"status":"OK"}\n');
  });

  it('is given the same event again as long as it has not answered', async () => {
    const { output } = await run('curl -s -D /tmp/again "$api/invocation/next" | cmp - /tmp/event && grep -ic "$id" /tmp/again');
    expect(output).toBe('1\n');
  });

  it.each([
    ['an unknown path', '"$api/elsewhere"', '404'],
    ['a wrong method', '-X POST "$api/invocation/next"', '405'],
    ['a wrong request id', '-d {} "$api/invocation/00000000-0000-4000-8000-000000000000/response"', '400 InvalidRequestID'],
    ['an init error after next', '-d {} "$api/init/error"', '403 InvalidStateTransition'],
    [
      'an unknown response mode',
      '-H "Lambda-Runtime-Function-Response-Mode: odd" -d {} "$api/invocation/$id/response"',
      '400 InvalidFunctionResponseMode',
    ],
  ])('is refused %s', async (_what, request, expected) => {
    const { output } = await run(
      `curl -s -o /tmp/refusal -w '%{http_code} ' ${request}; sed -n 's/.*"errorType":"\\([^"]*\\)".*/\\1/p' /tmp/refusal`,
    );
    expect(output.trim()).toMatch(new RegExp(`^${expected}`));
  });

  it('is refused a second response', async () => {
    expect((await call(name, Buffer.from('curl -s -d 1 "$api/invocation/$id/response"').toString('base64'))).value).toBe(1);
    expect((await run('cat /tmp/status /tmp/acknowledgement')).output).toMatch(/^403 .*InvalidStateTransition/);
  });

  it('names its own errors, whose body is handed on as it is', async () => {
    const report = `curl -s -H 'Lambda-Runtime-Function-Error-Type: Function.Own' -d '{"errorMessage" : "m", "x":1}' "$api/invocation/$id/error"`;
    const { text, functionError } = await call(name, Buffer.from(report).toString('base64'));
    expect({ text, functionError }).toEqual({ text: '{"errorMessage" : "m", "x":1}', functionError: 'Unhandled' });
  });

  it('logs what is written to standard output and error, line by line, and what has no line feed', async () => {
    const { answer } = await run('echo one >&3; echo two > /proc/self/fd/4; printf three >&3');
    const { requestId, log } = answer;
    const written = log.slice(log.indexOf('\n') + 1, log.indexOf(`END RequestId: ${requestId}`));
    expect(written.match(/one\n|two\n|three/g)?.toSorted()).toEqual(['one\n', 'three', 'two\n']);
    const messages = (await logsOf(name)).map(({ message }) => message);
    const own = messages.slice(
      messages.indexOf(`START RequestId: ${requestId} Version: $LATEST\n`) + 1,
      messages.indexOf(`END RequestId: ${requestId}\n`),
    );
    expect(own.toSorted()).toEqual(['one\n', 'three', 'two\n']);
  });

  it.each([
    ['ends before it asks for an event', '#!/bin/sh\nexit 127\n', 'Runtime.ExitError', 'Runtime exited with error: exit status 127'],
    ['is no bootstrap', undefined, 'Runtime.InvalidEntrypoint', "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"],
  ])('that %s fails', async (what, bootstrap, errorType, reason) => {
    const broken = `shell-${what.replaceAll(' ', '-')}`;
    await deploy(lambda, { name: broken, runtime: 'provided.al2023', files: bootstrap === undefined ? { other: 'x' } : { bootstrap } });
    const { text, functionError, requestId, log } = await call(broken);
    expect(functionError).toBe('Unhandled');
    expect(text).toBe(JSON.stringify({ errorType, errorMessage: `RequestId: ${requestId} Error: ${reason}` }));
    expect(log).toContain(`Status: error\tError Type: ${errorType}\t\n`);
  });

  it('may report that its init failed', async () => {
    const bootstrap = [
      '#!/bin/sh',
      `curl -s -H 'Lambda-Runtime-Function-Error-Type: Runtime.NoConfiguration' -d '{"errorMessage":"none"}' "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error"`,
      'exit 1',
    ];
    await deploy(lambda, { name: 'shell-init-error', runtime: 'provided.al2023', files: { bootstrap: bootstrap.join('\n') } });
    const { text, functionError, log } = await call('shell-init-error');
    expect({ text, functionError }).toEqual({ text: '{"errorMessage":"none"}', functionError: 'Unhandled' });
    expect(log).toContain('Status: error\tError Type: Runtime.NoConfiguration\t\n');
  });
});

describe('Invoke', () => {
  const name = 'invoked';
  const { runtime, files } = languages[1] as Language;
  const arn = `arn:aws:lambda:us-east-1:123456789012:function:${name}`;
  beforeAll(async () => {
    await deploy(lambda, { name, runtime, files, MemorySize: 256 });
    await lambda.send(new PublishVersionCommand({ FunctionName: name }));
  });

  it('checks without running for DryRun', async () => {
    const answer = await lambda.send(new InvokeCommand({ FunctionName: name, InvocationType: 'DryRun' }));
    expect({ status: answer.StatusCode, bytes: answer.Payload?.length ?? 0 }).toEqual({ status: 204, bytes: 0 });
    expect(await environmentsOf(name)).toEqual([]);
    const missing = lambda.send(new InvokeCommand({ FunctionName: 'none', InvocationType: 'DryRun' }));
    await expect(missing).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('takes no payload for an empty object, and tells the log only when asked', async () => {
    const answer = await lambda.send(new InvokeCommand({ FunctionName: name }));
    expect(JSON.parse(Buffer.from(answer.Payload ?? []).toString())).toMatchObject({ count: 1 });
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' });
    expect(answer.LogResult).toBeUndefined();
    expect(answer.FunctionError).toBeUndefined();
  });

  it.each([
    ['a version', { FunctionName: name, Qualifier: '1' }, '1', `${arn}:1`],
    ['$LATEST', { FunctionName: name, Qualifier: '$LATEST' }, '$LATEST', `${arn}:$LATEST`],
    ['an ARN with its version', { FunctionName: `${arn}:1` }, '1', `${arn}:1`],
    ['a partial ARN', { FunctionName: `123456789012:function:${name}` }, '$LATEST', arn],
    ['a name with its version', { FunctionName: `${name}:1` }, '1', `${arn}:1`],
  ])('finds %s', async (_what, named, version, invokedArn) => {
    const answer = await call(name, { do: 'context' }, named);
    expect(answer.value).toMatchObject({ version, arn: invokedArn, logStream: expect.stringContaining(`/[${version}]`) });
    expect(answer.version).toBe(version);
    expect(answer.log).toMatch(new RegExp(`^START RequestId: ${answer.requestId} Version: ${version.replace('$', '\\$')}\\n`));
    const { value } = await call(name, { do: 'environment' }, named);
    expect(value).toMatchObject({ AWS_LAMBDA_FUNCTION_VERSION: version });
  });

  it.each([
    [
      'an unknown function',
      { FunctionName: 'none' },
      404,
      'ResourceNotFoundException',
      /^Function not found: arn:aws:lambda:us-east-1:123456789012:function:none:\$LATEST$/,
    ],
    [
      'an unknown version',
      { Qualifier: '7' },
      404,
      'ResourceNotFoundException',
      /^Function not found: arn:aws:lambda:us-east-1:123456789012:function:invoked:7$/,
    ],
    ['two qualifiers', { FunctionName: `${name}:1`, Qualifier: '2' }, 400, 'InvalidParameterValueException', /does not match/],
    ['another region', { FunctionName: arn.replace('us-east-1', 'eu-west-1') }, 404, 'ResourceNotFoundException', /eu-west-1/],
    ['a payload that is no JSON', { Payload: '{"a":' }, 400, 'InvalidRequestContentException', /^Could not parse request body into json: /],
    [
      'a payload that is no UTF-8',
      { Payload: Buffer.from([0x22, 0xff, 0x22]) },
      400,
      'InvalidRequestContentException',
      /^Could not parse request body into json: /,
    ],
    [
      'a payload over 6 MiB',
      { Payload: `"${'x'.repeat(maxPayloadBytes - 1)}"` },
      413,
      'RequestEntityTooLargeException',
      /^Request must be smaller than 6291456 bytes for the InvokeFunction operation$/,
    ],
    [
      'a client context that is no JSON',
      { ClientContext: Buffer.from('{').toString('base64') },
      400,
      'InvalidRequestContentException',
      /^Client context/,
    ],
    [
      'an unknown type',
      { InvocationType: 'Later' as 'Event' },
      400,
      'ValidationException',
      /^1 validation error detected: Value 'Later' at 'invocationType'/,
    ],
  ])('refuses %s', async (_what, more, status, error, message) => {
    await expect(call(name, {}, more)).rejects.toMatchObject({
      name: error,
      message: expect.stringMatching(message),
      $metadata: { httpStatusCode: status, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });

  it('takes a payload of just 6 MiB', async () => {
    const value = 'x'.repeat(maxPayloadBytes - '{"do":"echo","value":""}'.length);
    expect((await call(name, { do: 'echo', value })).value === value).toBe(true);
  });
});

describe('environments', () => {
  const { runtime, files } = languages[1] as Language;
  const waiting = (ms: number) => ({ do: 'wait', ms });

  it('are one for each invocation at a time, with a log stream each, and are used again', async () => {
    const name = 'concurrent';
    await deploy(lambda, { name, runtime, files });
    const answers = await Promise.all([1, 2, 3].map(() => call(name, waiting(1_500))));
    const streams = answers.map(({ value }) => (value as Counted).stream);
    expect(new Set(streams).size).toBe(3);
    expect(answers.map(({ value }) => (value as Counted).runs)).toEqual([1, 1, 1]);
    await expect.poll(async () => (await environmentsOf(name)).map(({ state }) => state)).toEqual(['frozen', 'frozen', 'frozen']);
    const again = await counted(name);
    expect(again).toMatchObject({ count: 2, runs: 2 });
    expect(streams).toContain(again.stream);
    const logged = await logsOf(name);
    for (const [index, { requestId }] of answers.entries()) {
      const start = logged.find(({ message }) => message.startsWith(`START RequestId: ${requestId} `));
      expect(start?.logStream).toBe(streams[index]);
    }
  });

  it('end with an update, after their running invocation', async () => {
    const name = 'updated';
    await deploy(lambda, { name, runtime, files });
    const running = call(name, waiting(1_500));
    await becomesBusy(name);
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Environment: { Variables: { STAGE: 'new' } } }));
    const { value } = await call(name, { do: 'environment' });
    expect(value).toMatchObject({ STAGE: 'new' });
    const old = (await running).value as Counted;
    expect(old).toMatchObject({ count: 1 });
    expect(old.stream).not.toBe((value as Record<string, string>)['AWS_LAMBDA_LOG_STREAM_NAME']);
    await expect.poll(async () => (await environmentsOf(name)).length).toBe(1);
    expect((await counted(name)).stream).toBe((value as Record<string, string>)['AWS_LAMBDA_LOG_STREAM_NAME']);
    // An idle one goes at once.
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, MemorySize: 192 }));
    await expect.poll(() => environmentsOf(name)).toEqual([]);
  });

  it('of the old code serve what runs while the code is updated to its end, and nothing after it', async () => {
    const name = 'new-code';
    const word = (text: string) => ({
      'index.py':
        'import os, time\ndef handler(event, context):\n    time.sleep(event.get("s", 0))\n' +
        '    return [open("word.txt").read(), os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]]\n',
      'word.txt': text,
    });
    await deploy(lambda, { name, runtime: 'python3.13', files: word('old') });
    const running = call(name, { s: 2 });
    await becomesBusy(name);
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: await zip(word('new')) }));
    await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { FunctionName: name });
    const next = (await call(name)).value as readonly string[];
    expect(next[0]).toBe('new');
    await expect.poll(async () => (await environmentsOf(name)).map(({ state }) => state).sort()).toEqual(['busy', 'frozen']);
    // It opens its file after the update: its image is still there for it.
    const [said, stream] = (await running).value as readonly string[];
    expect(said).toBe('old');
    expect(stream).not.toBe(next[1]);
    await expect.poll(() => environmentsOf(name)).toHaveLength(1);
    expect((await call(name)).value).toEqual(next);
  });

  it('end with their function, after their running invocation', async () => {
    const name = 'deleted';
    await deploy(lambda, { name, runtime, files });
    const running = call(name, waiting(1_000));
    await becomesBusy(name);
    await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
    await expect(call(name)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    expect((await running).value).toMatchObject({ count: 1 });
    await expect.poll(() => environmentsOf(name)).toEqual([]);
    // What it logged stays readable.
    expect((await logsOf(name)).at(-1)?.message).toMatch(/^REPORT /);
  });

  it('have credentials of their own, which open nothing and end with them', async () => {
    const name = 'credentials';
    await deploy(lambda, { name, runtime, files });
    const variables = (await call(name, { do: 'environment' })).value as Record<string, string>;
    const credentials = {
      accessKeyId: String(variables['AWS_ACCESS_KEY_ID']),
      secretAccessKey: String(variables['AWS_SECRET_ACCESS_KEY']),
      sessionToken: String(variables['AWS_SESSION_TOKEN']),
    };
    const { endpoint, region } = daemon.credentials;
    const inside = new LambdaClient({ endpoint, region, credentials, maxAttempts: 1 });
    await expect(inside.send(new ListFunctionsCommand({}))).rejects.toMatchObject({
      name: 'AccessDeniedException',
      $metadata: { httpStatusCode: 403 },
    });
    await expect(call(name, {}, {}, inside)).rejects.toMatchObject({ name: 'AccessDeniedException' });
    const withoutToken = daemon.lambda({ ...daemon.credentials, ...credentials, sessionToken: undefined } as Credentials);
    await expect(withoutToken.send(new ListFunctionsCommand({}))).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    const [environment] = await environmentsOf(name);
    await admin.post(`environments/${environment?.id}/stop`);
    await expect(inside.send(new ListFunctionsCommand({}))).rejects.toMatchObject({
      name: 'ExpiredTokenException',
      $metadata: { httpStatusCode: 403 },
    });
  });

  it('that are stopped fail their running invocation', async () => {
    const name = 'stopped';
    await deploy(lambda, { name, runtime, files });
    const running = call(name, waiting(20_000));
    await becomesBusy(name);
    await admin.post(`environments/${(await environmentsOf(name))[0]?.id}/stop`);
    const { functionError, log } = await running;
    expect(functionError).toBe('Unhandled');
    expect(log).toMatch(/^REPORT .*\tStatus: error\t/m);
  });

  it('of two accounts with functions of the same name know nothing of each other', async () => {
    const name = 'shared-name';
    const created = (await admin.post('credentials', { accountId: '210987654321' })) as Credentials;
    const credentials = { ...daemon.credentials, ...created };
    const [tenant, tenantAdmin] = [daemon.lambda(credentials), adminOf(credentials)];
    await deploy(lambda, { name, runtime, files });
    await deploy(tenant, { name, runtime, files });
    expect(await counted(name)).toMatchObject({ count: 1, runs: 1 });
    const { value } = await call(name, { do: 'context' }, {}, tenant);
    expect(value).toMatchObject({ arn: `arn:aws:lambda:us-east-1:210987654321:function:${name}` });
    expect((await call(name, {}, {}, tenant)).value).toMatchObject({ count: 2, runs: 2 });
    expect(await counted(name)).toMatchObject({ count: 2, runs: 2 });
    expect((await tenant.send(new ListFunctionsCommand({}))).Functions?.map(({ FunctionName }) => FunctionName)).toEqual([name]);
    const foreign = call(name, {}, { FunctionName: `arn:aws:lambda:us-east-1:123456789012:function:${name}` }, tenant);
    await expect(foreign).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect((await environmentsOf(name, tenantAdmin)).map(({ accountId }) => accountId)).toEqual(['210987654321']);
    const theirs = (await environmentsOf(name)).find(({ accountId }) => accountId === '123456789012');
    await expect(tenantAdmin.get(`environments/${theirs?.id}`)).rejects.toMatchObject({ code: 'NotFound' });
    await expect(tenantAdmin.post(`environments/${theirs?.id}/stop`)).rejects.toMatchObject({ code: 'NotFound' });
    expect((await logsOf(name, tenantAdmin)).filter(({ message }) => message.startsWith('START '))).toHaveLength(2);
  });
});

describe('logs', () => {
  const { runtime, files } = languages[1] as Language;
  const name = 'talkative';
  beforeAll(() => deploy(lambda, { name, runtime, files }));

  it('are followed as they are written', { timeout: 30_000 }, async () => {
    await call(name, { do: 'print', lines: [[1, 'before\n']] });
    const cloister = fileURLToPath(new URL('../../bin/cloister', import.meta.url));
    const following: ChildProcess = spawn(cloister, ['logs', name, '--follow', '--data-dir', daemon.dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(following, 'exit');
    const seen: string[] = [];
    if (following.stdout !== null) createInterface({ input: following.stdout }).on('line', (line) => seen.push(line.replace(/^\S+ /, '')));
    await expect.poll(() => seen, { timeout: 10_000 }).toContain('before');
    await call(name, { do: 'print', lines: [[2, 'after\n']] });
    await expect.poll(() => seen, { timeout: 10_000 }).toContain('after');
    following.kill('SIGINT');
    await ended;
    expect(seen.indexOf('before')).toBeLessThan(seen.indexOf('after'));
    expect(seen.filter((line) => line === 'before')).toHaveLength(1);
  });

  it('have limits: a line, a log group', { timeout: 60_000 }, async () => {
    const { log, functionError } = await call(name, {
      do: 'print',
      lines: [
        [1, 'x'.repeat(262_143), 300],
        [1, '\nthe end\n'],
      ],
    });
    expect(functionError).toBeUndefined();
    expect(log).toMatch(/the end\nEND /);
    const directory = join(daemon.dataDir, 'logs', '123456789012', `g-${encodeURIComponent(`/aws/lambda/${name}`)}`);
    const kept = await logsOf(name);
    expect(Math.max(...kept.map(({ message }) => message.length))).toBe(262_144);
    expect(kept.at(-1)?.message).toMatch(/^REPORT /);
    const bytes = readdirSync(directory).reduce((sum, file) => sum + statSync(join(directory, file)).size, 0);
    expect(bytes).toBeGreaterThan(48 * 1024 * 1024);
    expect(bytes).toBeLessThanOrEqual(64 * 1024 * 1024);
  });
});

describe('a daemon', () => {
  const { runtime, files } = languages[1] as Language;
  const name = 'lasting';

  it('reclaims idle environments, lets what runs end when it is stopped, and keeps its functions', { timeout: 60_000 }, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'cloister-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true }));
    const environments = { idleTimeoutSeconds: 1, functions: { '123456789012/kept': { idleTimeoutSeconds: 3_600 } } };
    await using impatient = await startDaemon({ dataDir, config: { environments } });
    const [client, itsAdmin] = [impatient.lambda(), adminOf(impatient.credentials)];
    await deploy(client, { name: 'kept', runtime, files });
    await call('kept', {}, {}, client);
    await deploy(client, { name, runtime, files });
    const { value: before } = await call(name, {}, {}, client);
    await expect.poll(async () => (await environmentsOf(name, itsAdmin)).map(({ state }) => state)).toEqual(['frozen']);
    await expect.poll(() => environmentsOf(name, itsAdmin), { timeout: 10_000 }).toEqual([]);
    expect(await environmentsOf('kept', itsAdmin)).toHaveLength(1);
    const { value: after } = await call(name, {}, {}, client);
    expect(after).toMatchObject({ count: 1, runs: 1 });
    expect((after as Counted).stream).not.toBe((before as Counted).stream);

    const running = call(name, { do: 'wait', ms: 2_000 }, {}, client);
    await becomesBusy(name, itsAdmin);
    const stopped = impatient.stop();
    expect((await running).value).toMatchObject({ count: 2, runs: 2 });
    expect(await stopped).toBe(0);
    await using next = await startDaemon({ dataDir: impatient.dataDir });
    expect((await call(name, {}, {}, next.lambda())).value).toMatchObject({ count: 1, runs: 1 });
    expect(next.errors()).not.toMatch(/Cleared/);
  });

  it('is the only one on its data directory', async () => {
    const { status, stderr } = await daemon.cli('up', '--listen', '127.0.0.1:0');
    expect(status).toBe(1);
    expect(stderr).toContain(`pid ${daemon.pid}, holds ${daemon.dataDir}`);
  });
});

it('ends an init after ten seconds, and runs it again with the first invocation', { timeout: 60_000 }, async () => {
  const { text, functionError, requestId, log } = await longInit;
  expect(functionError).toBe('Unhandled');
  expect(text).toBe(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ${requestId} Error: Task timed out after 1.00 seconds"}`);
  expect(log).toMatch(/\tStatus: timeout\t\n$/);
  const [report] = (await logsOf('long-init'))
    .flatMap(({ message }) => /^INIT_REPORT Init Duration: (\S+) ms\tPhase: init\tStatus: timeout\n$/.exec(message) ?? [])
    .slice(1);
  expect(Number(report)).toBeGreaterThanOrEqual(initTimeoutSeconds * 1_000);
  expect(Number(report)).toBeLessThan((initTimeoutSeconds + 2) * 1_000);
});
