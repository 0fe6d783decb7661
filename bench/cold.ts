import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CreateFunctionCommand, DeleteFunctionCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { startDaemon } from '../test/daemon.ts';
import { SignedClient } from './signed-client.ts';
import { distribution, printLine } from './statistics.ts';
import { zip } from './zip.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 40);
const functions = {
  'nodejs24.x': (mark: string) => ({ handler: 'index.handler', files: { 'index.js': `exports.handler = async () => '${mark}';` } }),
  'python3.13': (mark: string) => ({ handler: 'app.handler', files: { 'app.py': `def handler(event, context):\n    return '${mark}'\n` } }),
} as const;

/** First invocations, each of a new function with new bytes, beside a bare `node -e 0`, alternating in one run. */
export async function cold(): Promise<void> {
  await using daemon = await startDaemon();
  const { endpoint, region, accessKeyId, secretAccessKey } = daemon.credentials;
  const lambda = new LambdaClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  const client = new SignedClient(daemon.credentials);
  const bareMs: number[] = [];
  const coldMs = new Map<string, number[]>(Object.keys(functions).map((runtime) => [runtime, []]));
  for (let round = -2; round < rounds; round += 1) {
    const bare = await bareNode();
    if (round >= 0) bareMs.push(bare);
    for (const [runtime, make] of Object.entries(functions)) {
      const mark = `${runtime}-${round}-${process.hrtime.bigint()}`;
      const { handler, files } = make(mark);
      const FunctionName = `cold-${runtime.replaceAll('.', '-')}-${round + 2}`;
      const Role = 'arn:aws:iam::123456789012:role/bench';
      await lambda.send(
        new CreateFunctionCommand({
          FunctionName,
          Runtime: runtime as 'nodejs24.x',
          Handler: handler,
          Role,
          MemorySize: 1769,
          Code: { ZipFile: await zip(files) },
        }),
      );
      await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60 }, { FunctionName });
      const path = `/2015-03-31/functions/${FunctionName}/invocations`;
      const headers = await client.sign(path, '{}');
      const answer = await client.send(path, '{}', headers);
      if (answer.body !== JSON.stringify(mark)) throw new Error(`the function answered ${answer.status} ${answer.body}`);
      if (round >= 0) coldMs.get(runtime)?.push(answer.ms);
      await lambda.send(new DeleteFunctionCommand({ FunctionName }));
    }
  }
  const bare = distribution(bareMs);
  printLine('bare node -e 0', bare);
  for (const [runtime, samples] of coldMs) printLine(`cold start, new function, ${runtime}`, distribution(samples), bare);
  client.close();
  lambda.destroy();
}

async function bareNode(): Promise<number> {
  const started = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - started;
}
