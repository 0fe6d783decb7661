import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { withProfile } from './credentials-file.ts';

const program = fileURLToPath(new URL('../../bin/cloister', import.meta.url));
const environment = { PATH: process.env['PATH'] ?? '' };
const keys = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };

async function cloister(args: readonly string[], { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {}) {
  const child = spawn(program, args, { env: { ...environment, ...env }, stdio: 'pipe' });
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { status, stdout, stderr };
}

/** A server in the daemon's place and a data directory that leads to it. */
async function withServer<T>(answer: RequestListener, work: (dataDir: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-cli-'));
  const server = createServer(answer).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const endpoint = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', accountId: '123456789012', pid: 0, daemonPid: 0 };
    writeFileSync(join(directory, 'endpoint.json'), JSON.stringify(endpoint));
    writeFileSync(join(directory, 'credentials'), withProfile('', 'default', keys));
    return await work(directory);
  } finally {
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  }
}

/** An address where nothing listens: a port that was free a moment ago. */
async function closedEndpoint(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

describe('cloister', () => {
  it('explains commands, examples and exit statuses', async () => {
    const { status, stdout } = await cloister(['--help']);
    expect(status).toBe(0);
    for (const command of [
      'up',
      'down',
      'status',
      'doctor',
      'deploy',
      'invoke',
      'logs',
      'function',
      'alias',
      'layer',
      'url',
      'env',
      'runtime',
      'credentials',
      'version',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    }
    expect(stdout).toContain('Exit statuses:');
  });

  it('ends with 2 and a line when the command line is wrong', async () => {
    for (const args of [
      ['nonsense'],
      ['deploy', '.'],
      ['env', 'inspect'],
      ['version', 'nonsense'],
      ['alias', 'create', 'f', 'live'],
      ['--account', '12', 'function', 'list'],
      ['invoke', 'f', '--nope'],
    ]) {
      const { status, stderr, stdout } = await cloister(args);
      expect({ args, status, stdout }).toEqual({ args, status: 2, stdout: '' });
      expect(stderr).toMatch(/^error: /);
    }
  });

  it('ends with 3 and one line when no daemon answers', async () => {
    const nowhere = { CLOISTER_ENDPOINT: await closedEndpoint(), AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    for (const args of [['status'], ['function', 'list'], ['invoke', 'f']]) {
      const { status, stderr } = await cloister(args, { env: nowhere });
      expect({ args, status }).toEqual({ args, status: 3 });
      expect(stderr).toMatch(/^cloister: no daemon answers .*\n$/);
    }
    expect((await cloister(['status'], { env: { CLOISTER_DATA_DIR: '/nonexistent' } })).status).toBe(3);
  });

  it('signs admin requests for the service cloister and finds pids and endpoint', async () => {
    const requests: IncomingMessage[] = [];
    const answer: RequestListener = (request, response) => {
      requests.push(request);
      response.end(JSON.stringify({ status: 'serving' }));
    };
    const { status, stdout } = await withServer(answer, (dataDir) => cloister(['status', '--data-dir', dataDir, '--json']));
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'serving', region: 'us-east-1', pid: 0, daemonPid: 0 });
    expect(requests[0]?.url).toBe('/_cloister/v1/status');
    expect(requests[0]?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/us-east-1\/cloister\/aws4_request, SignedHeaders=host;/,
    );
  });

  it('invoke prints the answer, and ends with 1 when the function failed', async () => {
    const error = '{"errorType":"Error","errorMessage":"no"}';
    const answer: RequestListener = async (request, response) => {
      const event = await text(request);
      const headers = event.includes('fail') ? { 'X-Amz-Function-Error': 'Unhandled' } : {};
      response.writeHead(200, { ...headers, 'X-Amz-Executed-Version': '$LATEST' }).end(event.includes('fail') ? error : event);
    };
    await withServer(answer, async (dataDir) => {
      const ok = await cloister(['invoke', 'f', '--data-dir', dataDir, '--payload', '-'], { input: '{"a":1}' });
      expect(ok).toEqual({ status: 0, stdout: '{"a":1}\n', stderr: '' });
      const failed = await cloister(['invoke', 'f', '--data-dir', dataDir, '--payload', '"fail"', '--json']);
      expect(failed.status).toBe(1);
      expect(JSON.parse(failed.stdout)).toMatchObject({ statusCode: 200, functionError: 'Unhandled', payload: { errorType: 'Error' } });
    });
  });

  it("tells Lambda's refusal in one line with status 1", async () => {
    const answer: RequestListener = (_, response) => {
      response.writeHead(404, { 'x-amzn-ErrorType': 'ResourceNotFoundException', 'content-type': 'application/json' });
      response.end('{"Type":"User","Message":"Function not found: f"}');
    };
    const { status, stderr } = await withServer(answer, (dataDir) => cloister(['function', 'delete', 'f', '--data-dir', dataDir]));
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'cloister: ResourceNotFoundException: Function not found: f\n' });
  });

  it('credentials env gives the shell what AWS tools read', async () => {
    const { stdout } = await withServer(
      () => undefined,
      (dataDir) => cloister(['credentials', 'env', '--data-dir', dataDir]),
    );
    expect(stdout).toMatch(/^export AWS_ENDPOINT_URL_LAMBDA='http:\/\/127\.0\.0\.1:\d+'$/m);
    expect(stdout).toMatch(/^export AWS_ENDPOINT_URL_CLOUDWATCH_LOGS='http:\/\/127\.0\.0\.1:\d+'$/m);
    expect(stdout).toMatch(/^export AWS_ACCESS_KEY_ID='AKIATEST'$/m);
    expect(stdout).toMatch(/^export AWS_REGION='us-east-1'$/m);
  });

  it('down is no error when nothing runs, and leaves a process alone that is no agent', async () => {
    const { status, stdout } = await withServer(
      () => undefined,
      async (dataDir) => {
        const stale = { endpoint: 'http://127.0.0.1:1', region: 'us-east-1', accountId: '123456789012', pid: process.pid, daemonPid: 0 };
        writeFileSync(join(dataDir, 'endpoint.json'), JSON.stringify(stale));
        return cloister(['down', '--data-dir', dataDir, '--json']);
      },
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ stopped: false });
  });
});
