import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateFunctionCommand, InvokeCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { startDaemon } from '../test/daemon.ts';
import { SignedClient } from './signed-client.ts';
import { distribution, printLine } from './statistics.ts';
import { zip } from './zip.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 2_000);
const sdkRounds = Math.ceil(rounds / 4);
const warmUp = 200;
const body = '{"hello":"world"}';

/** Warm invocations of a Node function through SigV4, beside a bare Node HTTP echo over the same client, alternating in one run. */
export async function warm(): Promise<void> {
  await using daemon = await startDaemon();
  const { endpoint, region, accessKeyId, secretAccessKey } = daemon.credentials;
  const lambda = new LambdaClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  const code = await zip({ 'index.mjs': 'export const handler = async (event) => event;' });
  const name = { FunctionName: 'bench-warm' };
  await lambda.send(
    new CreateFunctionCommand({
      ...name,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::123456789012:role/bench',
      MemorySize: 1769,
      Code: { ZipFile: code },
    }),
  );
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60 }, name);

  const echoServer = createServer((request, response) => {
    request.on('data', () => undefined);
    request.on('end', () => response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body));
  });
  await new Promise<void>((resolve) => echoServer.listen(0, '127.0.0.1', resolve));
  const echo = new SignedClient({ ...daemon.credentials, endpoint: `http://127.0.0.1:${(echoServer.address() as AddressInfo).port}` });
  const client = new SignedClient(daemon.credentials);
  const path = '/2015-03-31/functions/bench-warm/invocations';
  const echoMs: number[] = [];
  const warmMs: number[] = [];
  for (let round = -warmUp; round < rounds; round += 1) {
    const bare = await echo.send(path, body, { 'content-type': 'application/json' });
    const headers = await client.sign(path, body);
    const answer = await client.send(path, body, headers);
    if (answer.status !== 200 || answer.body !== body) throw new Error(`the function answered ${answer.status} ${answer.body}`);
    if (round < 0) continue;
    echoMs.push(bare.ms);
    warmMs.push(answer.ms);
  }
  const sdkMs: number[] = [];
  for (let round = 0; round < sdkRounds; round += 1) {
    const started = performance.now();
    await lambda.send(new InvokeCommand({ ...name, Payload: body }));
    sdkMs.push(performance.now() - started);
  }
  const bare = distribution(echoMs);
  printLine('bare Node HTTP echo', bare);
  printLine('warm invocation, SigV4, bare client', distribution(warmMs), bare);
  printLine('warm invocation, AWS SDK for JavaScript', distribution(sdkMs), bare);
  client.close();
  echo.close();
  echoServer.close();
  lambda.destroy();
}
