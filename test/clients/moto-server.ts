import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pythonPackages } from './python-packages.ts';

/** moto's S3, SQS, SNS and EventBridge as real servers for a test; they take any keys. */
export interface MotoServer extends AsyncDisposable {
  readonly endpoint: string;
}

/** Starts it on a free port of the loopback; it ends when disposed of, and with this process. */
export async function startMotoServer(): Promise<MotoServer> {
  const server = spawn('/usr/bin/python3', [fileURLToPath(new URL('moto_server.py', import.meta.url))], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', PYTHONPATH: await pythonPackages(), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  server.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exited = once(server, 'exit');
  const [port] = await Promise.race([
    once(createInterface({ input: server.stdout }), 'line') as Promise<string[]>,
    exited.then(() => {
      throw new Error(`moto ended: ${errors}`);
    }),
  ]);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.stdin.end();
      await exited;
    },
  };
}
