import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AddPermissionCommand, CreateFunctionUrlConfigCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';
import { sendRequest, signRequest } from '../support/signed-http.ts';

const code = `
exports.handler = async (event) => {
  if (event.rawPath === '/fail') throw new Error('asked to');
  if (event.rawPath === '/slow') await new Promise(() => { setInterval(() => {}, 1000); });
  return { statusCode: 201, headers: { 'x-path': event.rawPath }, cookies: ['a=1', 'b=2'], body: JSON.stringify(event) };
};
`;

let daemon: RunningDaemon;
let lambda: LambdaClient;
const urls: Record<string, string> = {};

beforeAll(async () => {
  daemon = await startDaemon();
  lambda = daemon.lambda();
  for (const [name, AuthType] of [
    ['public', 'NONE'],
    ['signed', 'AWS_IAM'],
  ] as const) {
    await deploy(lambda, { name, runtime: 'nodejs24.x', files: { 'index.js': code }, Timeout: 3 });
    const { FunctionUrl = '' } = await lambda.send(new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType }));
    urls[name] = FunctionUrl;
  }
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

const allow = (action: string, more: object) =>
  lambda.send(new AddPermissionCommand({ FunctionName: 'public', StatementId: action.replace(':', '-'), Action: action, Principal: '*', ...more }));

describe('function URLs', () => {
  it('are closed until the policy opens them, and then served by fetch() under the URL that was answered', async () => {
    expect((await fetch(urls['public'] ?? '')).status).toBe(403);
    await allow('lambda:InvokeFunctionUrl', { FunctionUrlAuthType: 'NONE' });
    expect((await fetch(urls['public'] ?? '')).status).toBe(403);
    await allow('lambda:InvokeFunction', { InvokedViaFunctionUrl: true });
    const answer = await fetch(`${urls['public']}some/path?q=1&q=2`, { method: 'POST', body: 'text', headers: { 'content-type': 'text/plain' } });
    expect([answer.status, answer.headers.get('x-path'), answer.headers.getSetCookie()]).toEqual([201, '/some/path', ['a=1', 'b=2']]);
    expect(await answer.json()).toMatchObject({ version: '2.0', body: 'text', isBase64Encoded: false, queryStringParameters: { q: '1,2' } });
  });

  it('are served by curl under the host name', async () => {
    const { port, pathname } = new URL(urls['public'] ?? '');
    const id = pathname.split('/')[3];
    const { stdout } = await promisify(execFile)('curl', ['-sS', `http://${id}.lambda-url.us-east-1.localhost:${port}/by/name`]);
    expect(JSON.parse(stdout)).toMatchObject({ rawPath: '/by/name', requestContext: { domainPrefix: id, accountId: 'anonymous' } });
  });

  it('answer 502 for a function that fails and 504 for one that takes too long', async () => {
    const failed = await fetch(`${urls['public']}fail`);
    expect([failed.status, await failed.text()]).toEqual([502, 'Internal Server Error']);
    expect((await fetch(`${urls['public']}slow`)).status).toBe(504);
  });

  it('take the account’s signature, in the header and presigned, and no other', async () => {
    const { pathname } = new URL(urls['signed'] ?? '');
    const ask = async (credentials: typeof daemon.credentials, expiresInSeconds?: number) => {
      const choices = expiresInSeconds === undefined ? {} : { expiresInSeconds };
      const request = { method: 'GET', path: `${pathname}a`, query: { b: 'c' }, headers: {}, body: undefined } as const;
      return sendRequest(daemon.endpoint, await signRequest(credentials, request, choices), 30_000);
    };
    expect((await fetch(urls['signed'] ?? '')).status).toBe(403);
    const answer = await ask(daemon.credentials);
    expect(answer.status).toBe(201);
    expect(JSON.parse(String(answer.body))).toMatchObject({
      requestContext: { authorizer: { iam: { accountId: daemon.credentials.accountId } } },
    });
    expect((await ask(daemon.credentials, 60)).status).toBe(201);
    expect((await ask({ ...daemon.credentials, secretAccessKey: 'x'.repeat(40) })).status).toBe(403);
  });
});
