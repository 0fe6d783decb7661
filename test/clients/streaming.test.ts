import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  AddPermissionCommand,
  CreateFunctionUrlConfigCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';
import { awsEnvironment } from './aws-environment.ts';
import { pythonPackages, runPython } from './python-packages.ts';

/** Between the first piece and the rest. */
const pauseMs = 1_500;
const code = `
const { setTimeout: delay } = require('node:timers/promises');
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const path = event.rawPath ?? event.path;
  if (path === '/early') throw new RangeError('asked to, at once');
  const out = event.rawPath === undefined ? stream : awslambda.HttpResponseStream.from(stream, {
    statusCode: 202, headers: { 'content-type': 'text/plain', 'x-own': 'yes' }, cookies: ['a=1', 'b=2'],
  });
  out.write('first');
  await delay(${pauseMs});
  if (path === '/late') throw new RangeError('asked to, in the middle');
  out.write('second');
  out.end();
  await out.finished?.();
});
`;

let daemon: RunningDaemon;
let lambda: LambdaClient;
let url: string;

beforeAll(async () => {
  daemon = await startDaemon();
  lambda = daemon.lambda();
  await deploy(lambda, { name: 'stream', runtime: 'nodejs24.x', files: { 'index.js': code } });
  await deploy(lambda, { name: 'plain', runtime: 'nodejs24.x', files: { 'index.js': 'exports.handler = async () => ({ a: 1 });' } });
  const created = await lambda.send(new CreateFunctionUrlConfigCommand({ FunctionName: 'stream', AuthType: 'NONE', InvokeMode: 'RESPONSE_STREAM' }));
  url = created.FunctionUrl ?? '';
  for (const [Action, more] of [
    ['lambda:InvokeFunctionUrl', { FunctionUrlAuthType: 'NONE' }],
    ['lambda:InvokeFunction', { InvokedViaFunctionUrl: true }],
  ] as const) {
    const StatementId = Action.replace(':', '-');
    await lambda.send(new AddPermissionCommand({ FunctionName: 'stream', StatementId, Action, Principal: '*', ...more }));
  }
}, 300_000);
afterAll(() => daemon?.[Symbol.asyncDispose]());

/** What came, and how long after the answer's head. */
async function stream(name: string, event: object) {
  const { EventStream, ...head } = await lambda.send(
    new InvokeWithResponseStreamCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(event)), LogType: 'Tail' }),
  );
  const began = performance.now();
  const texts: string[] = [];
  const atMs: number[] = [];
  let complete: { ErrorCode?: string | undefined; ErrorDetails?: string | undefined; LogResult?: string | undefined } | undefined;
  for await (const { PayloadChunk, InvokeComplete } of EventStream ?? []) {
    atMs.push(performance.now() - began);
    if (PayloadChunk?.Payload !== undefined) texts.push(Buffer.from(PayloadChunk.Payload).toString());
    complete = InvokeComplete;
  }
  return { head, texts, atMs, complete };
}

describe('response streaming with the JavaScript SDK', () => {
  it('gives the first piece while the function is still running', async () => {
    const { head, texts, atMs, complete } = await stream('stream', {});
    expect(head).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST', ResponseStreamContentType: 'application/vnd.amazon.eventstream' });
    expect(texts).toEqual(['first', 'second']);
    expect((atMs[1] ?? 0) - (atMs[0] ?? 0)).toBeGreaterThan(pauseMs * 0.8);
    expect(complete?.ErrorCode).toBeUndefined();
    expect(Buffer.from(complete?.LogResult ?? '', 'base64').toString()).toMatch(/^REPORT RequestId: /m);
  });

  it('shows an error in the middle after what came before it', async () => {
    const { texts, complete } = await stream('stream', { path: '/late' });
    expect(texts.join('')).toMatch(/^first/);
    expect(complete?.ErrorCode).toMatch(/RangeError/);
    expect(complete?.ErrorDetails).toContain('asked to, in the middle');
  });

  it('shows an error before the first piece', async () => {
    const { complete } = await stream('stream', { path: '/early' });
    expect(complete?.ErrorCode).toBeDefined();
    expect(complete?.ErrorDetails).toContain('asked to, at once');
  });

  it('gives Invoke the whole of it', async () => {
    const { Payload, FunctionError } = await lambda.send(new InvokeCommand({ FunctionName: 'stream', Payload: '{}' }));
    expect([Buffer.from(Payload ?? []).toString(), FunctionError]).toEqual(['firstsecond', undefined]);
  });

  it('gives the answer of a function that does not stream as one piece', async () => {
    expect((await stream('plain', {})).texts).toEqual(['{"a":1}']);
  });
});

describe('response streaming with boto3', () => {
  it('gives the first piece while the function is still running, and shows an error in the middle', async () => {
    const packages = await pythonPackages();
    const script = new URL('boto3_streaming.py', import.meta.url).pathname;
    const { status, stdout, stderr } = await runPython(packages, [script, '{}', '{"path": "/late"}'], await awsEnvironment(daemon));
    expect(status, stderr).toBe(0);
    const [whole = [], broken = []] = JSON.parse(stdout) as { seconds: number; text?: string; complete?: { ErrorCode?: string } }[][];
    expect(whole.map(({ text }) => text)).toEqual(['first', 'second', undefined]);
    expect((whole[1]?.seconds ?? 0) - (whole[0]?.seconds ?? 0)).toBeGreaterThan((pauseMs / 1_000) * 0.8);
    expect(broken[0]?.text).toBe('first');
    expect(broken.at(-1)?.complete?.ErrorCode).toMatch(/RangeError/);
  }, 300_000);
});

describe('function URLs with RESPONSE_STREAM', () => {
  it('answer with status, headers and cookies of the function, and its first piece while it is still running', async () => {
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('x-own'), answer.headers.get('content-type'), answer.headers.getSetCookie()]).toEqual([
      202,
      'yes',
      'text/plain',
      ['a=1', 'b=2'],
    ]);
    const began = performance.now();
    const pieces: { text: string; atMs: number }[] = [];
    for await (const piece of answer.body ?? []) pieces.push({ text: Buffer.from(piece).toString(), atMs: performance.now() - began });
    expect(pieces.map(({ text }) => text)).toEqual(['first', 'second']);
    expect((pieces[1]?.atMs ?? 0) - (pieces[0]?.atMs ?? 0)).toBeGreaterThan(pauseMs * 0.8);
  });

  it('end the connection where the function fails in the middle', async () => {
    const answer = await fetch(`${url}late`);
    expect(answer.status).toBe(202);
    await expect(answer.text()).rejects.toThrow('terminated');
    const curl = promisify(execFile)('curl', ['-sS', `${url}late`]);
    await expect(curl).rejects.toMatchObject({ code: 18, stdout: 'first' });
  });

  it('answer 502 to a function that fails before its first piece', async () => {
    const answer = await fetch(`${url}early`);
    expect([answer.status, await answer.text()]).toEqual([502, 'Internal Server Error']);
  });
});
