import { AddPermissionCommand, CreateFunctionUrlConfigCommand, type LambdaClient, PublishLayerVersionCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';
import { canBuildWebAdapter, sentryExtensionLayer, sigtermExtensionModules, webAdapterLayer } from './published-extensions.ts';

let daemon: RunningDaemon;
let lambda: LambdaClient;

beforeAll(async () => {
  daemon = await startDaemon();
  lambda = daemon.lambda();
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

async function publishLayer(name: string, files: Readonly<Record<string, Buffer>>): Promise<string> {
  const published = await lambda.send(new PublishLayerVersionCommand({ LayerName: name, Content: { ZipFile: await zip(files) } }));
  return published.LayerVersionArn ?? '';
}

/** Ends the function's only environment as an operator does, and gives back all that its log holds then. */
async function endAndReadLog(name: string): Promise<string> {
  const { credentials } = daemon;
  const admin = new AdminClient({ ...credentials, credentials });
  const { environments } = (await admin.get('environments')) as { environments: { id: string; functionName: string }[] };
  const ids = environments.filter(({ functionName }) => functionName === name).map(({ id }) => id);
  expect(ids).toHaveLength(1);
  await admin.post(`environments/${ids[0]}/stop`);
  return (await daemon.cli('logs', name)).stdout;
}

describe('extensions as others publish them, unchanged', () => {
  it('Sentry’s external extension passes on what a function gives it, invocation after invocation', { timeout: 120_000 }, async () => {
    // The receiver that the extension forwards to stands in the function itself: nothing leaves the environment.
    const code = `
const { createServer } = require('node:http');
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const received = createServer();
const listening = once(received.listen(8999, '127.0.0.1'), 'listening');
exports.handler = async (event) => {
  await listening;
  const arrived = once(received, 'request');
  const header = JSON.stringify({ dsn: 'http://key@127.0.0.1:8999/42' });
  const tunnel = await fetch('http://127.0.0.1:9000/envelope', { method: 'POST', body: header + '\\n' + JSON.stringify(event) });
  const [request, response] = await arrived;
  const envelope = await text(request);
  response.end('{}');
  return { tunnel: tunnel.status, path: request.url, envelope: envelope.split('\\n')[1] };
};
`;
    const layer = await publishLayer('sentry', await sentryExtensionLayer());
    const Environment = { Variables: { SENTRY_DSN: 'http://key@127.0.0.1:8999/42' } };
    await deploy(lambda, { name: 'watched', runtime: 'nodejs24.x', files: { 'index.js': code }, Layers: [layer], Environment, MemorySize: 512 });
    for (const order of [1, 2, 3]) {
      const { value, functionError, log } = await invoke(lambda, 'watched', { order });
      expect({ value, functionError }).toEqual({
        value: { tunnel: 200, path: '/api/42/envelope/?sentry_version=7&sentry_key=key', envelope: `{"order":${order}}` },
        functionError: undefined,
      });
      expect(log).toMatch(/^REPORT /m);
    }
    expect(await endAndReadLog('watched')).toContain('EXTENSION\tName: sentry-extension\tState: Ready\tEvents: [INVOKE,SHUTDOWN]');
  });

  it('lambda-sigterm, an internal extension, has a Python function told of its end', { timeout: 120_000 }, async () => {
    const code = `
import os
import signal
import lambda_sigterm

def on_sigterm(number, frame):
    print("cleaning up in", os.getpid())
    raise SystemExit(0)

lambda_sigterm.register()
signal.signal(signal.SIGTERM, on_sigterm)

def handler(event, context):
    return os.getpid()
`;
    const files = { ...(await sigtermExtensionModules()), 'index.py': code };
    await deploy(lambda, { name: 'cleaning', runtime: 'python3.13', files });
    const first = await invoke(lambda, 'cleaning');
    expect(await invoke(lambda, 'cleaning')).toMatchObject({ value: first.value, functionError: undefined });
    const log = await endAndReadLog('cleaning');
    expect(log).toContain('EXTENSION\tName: lambda-sigterm\tState: Ready\tEvents: []');
    expect(log).toContain(`cleaning up in ${first.value}`);
  });

  describe.skipIf(!canBuildWebAdapter())('AWS’s Lambda Web Adapter', () => {
    const server = `
import { createServer } from 'node:http';
let count = 0;
createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  response.setHeader('content-type', 'text/plain');
  if (request.url === '/stream') {
    response.write('first ');
    setTimeout(() => response.end('last'), 1000);
  } else {
    response.end([request.method, request.url, body, request.url === '/' ? 0 : ++count].join(' '));
  }
}).listen(8080);
`;
    let layer: string;

    beforeAll(async () => {
      layer = await publishLayer('web-adapter', await webAdapterLayer());
    }, 600_000);

    /** A web application as a function, and its public URL. */
    async function deployWebApplication(name: string, InvokeMode: 'BUFFERED' | 'RESPONSE_STREAM'): Promise<string> {
      await deploy(lambda, {
        name,
        runtime: 'nodejs24.x',
        files: { 'server.mjs': server, 'run.sh': '#!/bin/sh\nexec node server.mjs\n' },
        Handler: 'run.sh',
        Layers: [layer],
        Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: '/opt/bootstrap', AWS_LWA_INVOKE_MODE: InvokeMode.toLowerCase() } },
        MemorySize: 512,
      });
      const allow = (action: string, more: object) =>
        lambda.send(new AddPermissionCommand({ FunctionName: name, StatementId: action.slice(7), Action: action, Principal: '*', ...more }));
      await allow('lambda:InvokeFunctionUrl', { FunctionUrlAuthType: 'NONE' });
      await allow('lambda:InvokeFunction', { InvokedViaFunctionUrl: true });
      return (await lambda.send(new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType: 'NONE', InvokeMode }))).FunctionUrl ?? '';
    }

    it('serves a web application by function URL', { timeout: 120_000 }, async () => {
      const url = await deployWebApplication('web', 'BUFFERED');
      for (const count of [1, 2, 3]) {
        const answer = await fetch(`${url}some/path?q=${count}`, { method: 'PUT', body: `text ${count}` });
        expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain']);
        expect(await answer.text()).toBe(`PUT /some/path?q=${count} text ${count} ${count}`);
      }
      expect(await endAndReadLog('web')).toContain('EXTENSION\tName: lambda-adapter\tState: Ready\tEvents: []');
    });

    it('streams what a web application writes as it writes it', { timeout: 120_000 }, async () => {
      const answer = await fetch(`${await deployWebApplication('stream', 'RESPONSE_STREAM')}stream`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain']);
      const chunks: { readonly text: string; readonly atMs: number }[] = [];
      for await (const chunk of answer.body ?? []) chunks.push({ text: Buffer.from(chunk).toString(), atMs: performance.now() });
      expect(chunks.map(({ text }) => text).join('')).toBe('first last');
      expect(chunks[0]?.text).toBe('first ');
      expect((chunks.at(-1)?.atMs ?? 0) - (chunks[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(500);
    });
  });
});
