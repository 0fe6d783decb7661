/** What a handler sees, and what its caller is told, through AWS's own runtime clients as the managed runtimes carry them: aws-lambda-ric and awslambdaric. */
import { InvokeCommand, type InvokeCommandInput, type LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';

interface ClientCase {
  readonly rule: string;
  readonly source: string;
  /** The handler's body: statements with `event` and `context`. */
  readonly code: string;
  readonly input?: Partial<InvokeCommandInput>;
  /** The function's answer, or its error as the caller is told. */
  readonly answer: unknown;
  readonly functionError?: 'Unhandled';
  /** Whether the same process serves on. @default true */
  readonly processLives?: boolean;
}

const nodeHandler = 'AWS: Define Lambda function handler in Node.js';
const nodeContext = 'AWS: Using the Lambda context object, Node.js';
const nodeErrors = 'aws-lambda-ric src/Errors';
const pythonHandler = 'AWS: Define Lambda function handler in Python';
const pythonContext = 'AWS: Using the Lambda context object, Python';
const pythonErrors = 'aws-lambda-python-runtime-interface-client awslambdaric/bootstrap.py';

const nodeCases: readonly ClientCase[] = [
  {
    rule: 'the time left shrinks, and ends with the deadline',
    source: nodeContext,
    code: `
      const before = context.getRemainingTimeInMillis();
      await sleep(50);
      const after = context.getRemainingTimeInMillis();
      return { fell: before - after >= 40, within: before <= 20_000 && before > 15_000 };`,
    answer: { fell: true, within: true },
  },
  {
    rule: 'there is no identity without Cognito',
    source: nodeContext,
    code: 'return { identity: context.identity ?? null };',
    answer: { identity: null },
  },
  {
    rule: 'the client context is an object',
    source: nodeContext,
    code: 'return context.clientContext;',
    input: { ClientContext: Buffer.from('{"Custom":{"a":1},"client":{"x":"ü"}}').toString('base64') },
    answer: { Custom: { a: 1 }, client: { x: 'ü' } },
  },
  { rule: 'a promise is awaited', source: nodeHandler, code: 'return new Promise((done) => setTimeout(() => done("later"), 20));', answer: 'later' },
  { rule: 'nothing returned is null', source: nodeHandler, code: 'return undefined;', answer: null },
  {
    rule: 'an error has its class as its type',
    source: 'AWS: Troubleshoot, "Function error"',
    code: 'class Mine extends Error { constructor(m) { super(m); this.name = "Mine"; } } throw new Mine("of its own");',
    functionError: 'Unhandled',
    answer: { errorType: 'Mine', errorMessage: 'of its own', trace: expect.arrayContaining([expect.stringContaining('of its own')]) },
  },
  {
    rule: 'what is thrown may be text',
    source: nodeErrors,
    code: 'throw "only text";',
    functionError: 'Unhandled',
    answer: { errorType: 'string', errorMessage: 'only text', trace: [] },
  },
  {
    rule: 'an error’s message may have any characters',
    source: nodeErrors,
    code: 'throw new Error("Grüße ✓\\n\\u2028 \\"quoted\\"");',
    functionError: 'Unhandled',
    answer: { errorType: 'Error', errorMessage: 'Grüße ✓\n\u2028 "quoted"', trace: expect.any(Array) },
  },
  {
    rule: 'an answer that is no JSON is an error of the function',
    source: nodeErrors,
    code: 'const ring = {}; ring.ring = ring; return ring;',
    functionError: 'Unhandled',
    answer: { errorType: expect.any(String), errorMessage: expect.stringMatching(/stringify|circular/i), trace: expect.any(Array) },
  },
];

/** Errors outside of the handler's promise: version 3 tells them and ends, version 4 leaves them to Node, which ends. */
const outside = [
  {
    rule: 'a promise that nobody awaits and that rejects ends the process',
    source: nodeErrors,
    code: 'Promise.reject(new Error("nobody listens")); await sleep(5_000);',
    told: { errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: 'Error: nobody listens', trace: expect.any(Array) },
  },
  {
    rule: 'an error that is thrown later ends the process',
    source: nodeErrors,
    code: 'setTimeout(() => { throw new RangeError("outside"); }, 5); await sleep(5_000);',
    told: { errorType: 'RangeError', errorMessage: 'outside', trace: expect.any(Array) },
  },
];
const exited = {
  errorType: 'Runtime.ExitError',
  errorMessage: expect.stringMatching(/^RequestId: \S+ Error: Runtime exited with error: exit status 1$/),
};
const casesOfVersion = (version: 3 | 4): readonly ClientCase[] => [
  ...nodeCases,
  ...outside.map(
    ({ told, ...rest }): ClientCase => ({ ...rest, functionError: 'Unhandled', answer: version === 3 ? told : exited, processLives: false }),
  ),
];

const pythonCases: readonly ClientCase[] = [
  {
    rule: 'the time left shrinks, and ends with the deadline',
    source: pythonContext,
    code: `
    before = context.get_remaining_time_in_millis()
    time.sleep(0.05)
    after = context.get_remaining_time_in_millis()
    return {"fell": before - after >= 40, "within": 15_000 < before <= 20_000}`,
    answer: { fell: true, within: true },
  },
  {
    rule: 'there is an identity without ids',
    source: pythonContext,
    code: `
    return [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]`,
    answer: [null, null],
  },
  {
    rule: 'the client context is an object',
    source: pythonContext,
    code: `
    return {"custom": context.client_context.custom, "title": context.client_context.client.app_title}`,
    input: { ClientContext: Buffer.from('{"custom":{"a":"ü"},"client":{"app_title":"t"}}').toString('base64') },
    answer: { custom: { a: 'ü' }, title: 't' },
  },
  { rule: 'nothing returned is null', source: pythonHandler, code: '\n    return None', answer: null },
  {
    rule: 'an error has its class as its type',
    source: pythonErrors,
    code: `
    class Mine(Exception):
        pass
    raise Mine("of its own")`,
    functionError: 'Unhandled',
    answer: {
      errorMessage: 'of its own',
      errorType: 'Mine',
      requestId: expect.any(String),
      stackTrace: expect.arrayContaining([expect.stringContaining('raise Mine')]),
    },
  },
  {
    rule: 'an error’s message may have any characters',
    source: pythonErrors,
    code: `
    raise ValueError("Grüße ✓\\n \\"quoted\\"")`,
    functionError: 'Unhandled',
    answer: { errorMessage: 'Grüße ✓\n "quoted"', errorType: 'ValueError', requestId: expect.any(String), stackTrace: expect.any(Array) },
  },
  {
    rule: 'an answer that is no JSON is an error of the function',
    source: pythonErrors,
    code: `
    return {1, 2}`,
    functionError: 'Unhandled',
    answer: {
      errorMessage: 'Unable to marshal response: Object of type set is not JSON serializable',
      errorType: 'Runtime.MarshalError',
      requestId: expect.any(String),
      stackTrace: [],
    },
  },
  {
    rule: 'sys.exit ends the process',
    source: pythonErrors,
    code: `
    sys.exit(3)`,
    functionError: 'Unhandled',
    answer: {
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringMatching(/^RequestId: \S+ Error: Runtime exited with error: exit status 3$/),
    },
    processLives: false,
  },
];

const node = `
const { setTimeout: sleep } = require('node:timers/promises');
const birth = Math.random();
const cases = [${[...nodeCases, ...outside].map(({ code }) => `async (event, context) => {${code}}`).join(',\n')}];
exports.handler = (event, context) => (event.case === undefined ? Promise.resolve(birth) : cases[event.case](event, context));
`;

const python = `
import random, sys, time
birth = random.random()
${pythonCases.map(({ code }, index) => `def case_${index}(event, context):${code}\n`).join('\n')}
def handler(event, context):
    return birth if "case" not in event else globals()[f"case_{event['case']}"](event, context)
`;

const languages = [
  { client: 'aws-lambda-ric (version 4)', runtime: 'nodejs24.x', files: { 'index.js': node }, cases: casesOfVersion(4) },
  { client: 'aws-lambda-ric (version 3)', runtime: 'nodejs22.x', files: { 'index.js': node }, cases: casesOfVersion(3) },
  { client: 'awslambdaric', runtime: 'python3.13', files: { 'index.py': python }, cases: pythonCases },
];

let daemon: RunningDaemon;
let lambda: LambdaClient;

beforeAll(async () => {
  daemon = await startDaemon();
  lambda = daemon.lambda();
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

describe.each(languages)('$client in $runtime', ({ runtime, files, cases }) => {
  const name = runtime.replaceAll('.', '-');
  beforeAll(() => deploy(lambda, { name, runtime, files, Timeout: 20, MemorySize: 1_024 }));

  const call = async (event: object, more: Partial<InvokeCommandInput> = {}) => {
    const { Payload, FunctionError } = await lambda.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event), ...more }));
    return { answer: JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown, functionError: FunctionError };
  };

  it.for(cases.map((one, index) => ({ ...one, index })))('$rule ($source)', async (one) => {
    const { answer: birth } = await call({});
    expect(await call({ case: one.index }, one.input)).toEqual({ answer: one.answer, functionError: one.functionError });
    expect((await call({})).answer === birth).toBe(one.processLives ?? true);
  });
});
