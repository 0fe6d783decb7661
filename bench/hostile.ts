import { CreateFunctionCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { startDaemon } from '../test/daemon.ts';
import { attacks, costlyButAllowed, hostileFiles } from './hostile-function.ts';
import { SignedClient } from './signed-client.ts';
import { distribution, printLine } from './statistics.ts';
import { zip } from './zip.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const quietSamples = 1_000;
const body = '{"hello":"world"}';

interface Functions {
  /** One warm invocation of the neighbour, in milliseconds. */
  readonly neighbour: () => Promise<number>;
  readonly hostile: (attack: string) => Promise<string>;
}

/** A small function's warm invocations: alone, beside a function that spins, and beside one that attacks its own Runtime API or log. */
export async function hostile(): Promise<void> {
  await using daemon = await startDaemon();
  const { endpoint, region, accessKeyId, secretAccessKey } = daemon.credentials;
  const lambda = new LambdaClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  await deploy(lambda, 'bench-neighbour', {
    Runtime: 'nodejs24.x',
    MemorySize: 512,
    files: { 'index.mjs': 'export const handler = async (e) => e;' },
  });
  await deploy(lambda, 'bench-hostile', { Runtime: 'python3.13', MemorySize: 1_769, files: hostileFiles });
  const near = new SignedClient(daemon.credentials);
  const far = new SignedClient(daemon.credentials);
  const send = async (client: SignedClient, name: string, payload: string) => {
    const path = `/2015-03-31/functions/${name}/invocations`;
    return client.send(path, payload, await client.sign(path, payload));
  };
  const functions: Functions = {
    neighbour: async () => {
      const answer = await send(near, 'bench-neighbour', body);
      if (answer.status !== 200 || answer.body !== body) throw new Error(`the neighbour answered ${answer.status} ${answer.body}`);
      return answer.ms;
    },
    hostile: async (attack) => (await send(far, 'bench-hostile', JSON.stringify({ attack }))).body,
  };
  const quietMs: number[] = [];
  for (let sample = -200; sample < quietSamples; sample += 1) {
    const ms = await functions.neighbour();
    if (sample >= 0) quietMs.push(ms);
  }
  const quiet = distribution(quietMs);
  printLine('neighbour, quiet', quiet);
  for (const attack of ['spin', ...Object.keys(attacks), ...costlyButAllowed]) {
    const { samples, ended } = await underAttack(functions, attack);
    printLine(`neighbour, beside ${attack}`, distribution(samples), quiet);
    if (ended !== undefined) console.log(`    its environment: ${ended}`);
  }
  near.close();
  far.close();
  lambda.destroy();
}

/** What the neighbour's invocations took while the attack ran, and what the attacker's client was told in the end. */
async function underAttack({ neighbour, hostile }: Functions, attack: string): Promise<{ samples: number[]; ended: string | undefined }> {
  const samples: number[] = [];
  let ended: string | undefined;
  for (let round = 0; round < rounds; round += 1) {
    // Its environment is warm, so that what is measured is the attack and not a cold start.
    await hostile('none');
    let isRunning = true;
    const attacking = hostile(attack).finally(() => {
      isRunning = false;
    });
    while (isRunning) samples.push(await neighbour());
    const { errorType, errorMessage } = JSON.parse(await attacking) as { errorType?: string; errorMessage?: string };
    if (errorType !== undefined) ended = `${errorType}: ${errorMessage?.replace(/^RequestId: \S+ /, '')}`;
  }
  return { samples, ended };
}

async function deploy(
  lambda: LambdaClient,
  FunctionName: string,
  options: { readonly Runtime: 'nodejs24.x' | 'python3.13'; readonly MemorySize: number; readonly files: Readonly<Record<string, string>> },
): Promise<void> {
  const { Runtime, MemorySize, files } = options;
  const Role = 'arn:aws:iam::123456789012:role/bench';
  const Code = { ZipFile: await zip(files) };
  await lambda.send(new CreateFunctionCommand({ FunctionName, Runtime, MemorySize, Timeout: 60, Handler: 'index.handler', Role, Code }));
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60 }, { FunctionName });
}
