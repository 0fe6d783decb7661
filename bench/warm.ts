import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateFunctionCommand, InvokeCommand, type LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { startDaemon } from '../test/daemon.ts';
import { EnvironmentFreezer } from './environment-freezer.ts';
import { SignedClient } from './signed-client.ts';
import { distribution, printLine } from './statistics.ts';
import { zip } from './zip.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 2_000);
const fewerRounds = Math.ceil(rounds / 4);
const warmUp = 200;
/** Far longer than an environment stays awake without work, and short enough for many rounds. */
const pauseMs = 20;
const name = 'bench-warm';
const path = `/2015-03-31/functions/${name}/invocations`;
const body = '{"hello":"world"}';

/** Warm invocations of a Node function through SigV4, one after the other and after pauses, beside a bare Node HTTP echo over the same client. */
export async function warm(): Promise<void> {
  await using daemon = await startDaemon();
  const lambda = daemon.lambda();
  await deploy(lambda);
  await using echoServer = await startEcho();
  const echo = new SignedClient({ ...daemon.credentials, endpoint: `http://127.0.0.1:${(echoServer.address() as AddressInfo).port}` });
  const client = new SignedClient(daemon.credentials);
  await callBoth(echo, client, warmUp);
  using freezer = await EnvironmentFreezer.of(daemon, name);
  const tight = await callBoth(echo, client, rounds, () => Promise.resolve(freezer.isFrozen));
  const bare = distribution(tight.echoMs);
  printLine('bare Node HTTP echo', bare);
  printLine('warm invocation, SigV4, bare client', distribution(tight.warmMs), bare);
  printLine('warm invocation, AWS SDK for JavaScript', distribution(await callBySdk(lambda)), bare);
  console.log(`${tight.frozen} of ${rounds} invocations one after the other found the environment frozen`);
  await thawed(echo, client, freezer);
  await theFreezerItself(freezer);
  client.close();
  echo.close();
  lambda.destroy();
}

/** After a pause for each of the two: what the caches and the processor forget in it is then in both. */
async function thawed(echo: SignedClient, client: SignedClient, freezer: EnvironmentFreezer): Promise<void> {
  const paused = await callBoth(echo, client, fewerRounds, async () => {
    await delay(pauseMs);
    return freezer.isFrozen;
  });
  const bare = distribution(paused.echoMs);
  printLine(`bare Node HTTP echo after ${pauseMs} ms`, bare);
  printLine(`warm invocation after ${pauseMs} ms, frozen`, distribution(paused.warmMs), bare);
  console.log(`${paused.frozen} of ${fewerRounds} invocations after a pause found the environment frozen`);
}

/** One write each way, and until the kernel says that every task has stopped; the runtime waits for an event meanwhile. */
async function theFreezerItself(freezer: EnvironmentFreezer): Promise<void> {
  const ms = { freeze: [] as number[], frozen: [] as number[], thaw: [] as number[] };
  freezer.write('thawed');
  for (let round = 0; round < fewerRounds; round += 1) {
    await delay(2);
    const began = performance.now();
    freezer.write('frozen');
    ms.freeze.push(performance.now() - began);
    while (!freezer.isFrozen);
    ms.frozen.push(performance.now() - began);
    await delay(2);
    const thawing = performance.now();
    freezer.write('thawed');
    ms.thaw.push(performance.now() - thawing);
  }
  // As the daemon knows it.
  freezer.write('frozen');
  printLine('freezer: write to freeze', distribution(ms.freeze));
  printLine('freezer: until every task has stopped', distribution(ms.frozen));
  printLine('freezer: write to thaw', distribution(ms.thaw));
}

interface Samples {
  readonly echoMs: readonly number[];
  readonly warmMs: readonly number[];
  /** How often the environment was frozen when it was to be invoked. */
  readonly frozen: number;
}

/** In turn; `pause` is waited for before each call and tells whether the environment is frozen. */
async function callBoth(echo: SignedClient, client: SignedClient, count: number, pause = async (): Promise<boolean> => false): Promise<Samples> {
  const echoMs: number[] = [];
  const warmMs: number[] = [];
  let frozen = 0;
  for (let round = 0; round < count; round += 1) {
    const headers = await client.sign(path, body);
    if (round > 0) await pause();
    echoMs.push((await echo.send(path, body, { 'content-type': 'application/json' })).ms);
    if (round > 0 && (await pause())) frozen += 1;
    const answer = await client.send(path, body, headers);
    if (answer.status !== 200 || answer.body !== body) throw new Error(`the function answered ${answer.status} ${answer.body}`);
    warmMs.push(answer.ms);
  }
  return { echoMs, warmMs, frozen };
}

async function callBySdk(lambda: LambdaClient): Promise<readonly number[]> {
  const sdkMs: number[] = [];
  for (let round = 0; round < fewerRounds; round += 1) {
    const started = performance.now();
    await lambda.send(new InvokeCommand({ FunctionName: name, Payload: body }));
    sdkMs.push(performance.now() - started);
  }
  return sdkMs;
}

async function deploy(lambda: LambdaClient): Promise<void> {
  const code = await zip({ 'index.mjs': 'export const handler = async (event) => event;' });
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::123456789012:role/bench',
      MemorySize: 1769,
      Code: { ZipFile: code },
    }),
  );
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60 }, { FunctionName: name });
}

async function startEcho(): Promise<Server & AsyncDisposable> {
  const server = createServer((request, response) => {
    request.on('data', () => undefined);
    request.on('end', () => response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
