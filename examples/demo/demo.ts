/**
 * `npm run demo`: sets the host up, builds the runtimes, starts Cloister, deploys and invokes three functions, shows what walls each in, stops.
 * It uses the `cloister` command and AWS's SDK only, as any user would.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  GetLayerVersionCommand,
  LambdaClient,
  ListFunctionsCommand,
  PublishLayerVersionCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import { Cloister, type ReadyLine } from './cloister.ts';
import { cacheDirectory, type DemoFunction, markdownFunction, shellFunction, thumbnailFunction } from './demo-functions.ts';
import { invokeTwice, type TwoInvocations } from './invoke-twice.ts';
import { pillowLayer } from './pillow-layer.ts';
import { CommandFailed, run } from './process-group.ts';
import { step } from './progress.ts';
import { type Inspected, table, type Walls, wallTable } from './tables.ts';

const exitStatus = { ok: 0, failed: 1, interrupted: 130 } as const;
const layerName = 'pillow';
const runtimes = ['python3.13', 'nodejs24.x', 'provided.al2023'];

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!interrupted.signal.aborted) console.log(`\n${signal}: stopping what was started …`);
    interrupted.abort();
  });
}

try {
  await demo(interrupted.signal);
  process.exitCode = exitStatus.ok;
} catch (error) {
  if (interrupted.signal.aborted) {
    console.log('stopped');
    process.exitCode = exitStatus.interrupted;
  } else {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof CommandFailed ? error.status : exitStatus.failed;
  }
}

async function demo(signal: AbortSignal): Promise<void> {
  const { values } = parseArgs({ options: { 'data-dir': { type: 'string', default: '/var/lib/cloister-demo' } } });
  const cloister = new Cloister(values['data-dir'], signal);
  await mkdir(cacheDirectory, { recursive: true });
  // A demo that was killed may have left its daemon.
  await cloister.show('down');
  await step('looking at this host, installing what it lacks', () => cloister.show('doctor', '--fix'), { showsProgress: true });
  await step(`building the runtimes ${runtimes.join(', ')}`, () => cloister.show('runtime', 'build', ...runtimes), { showsProgress: true });
  const layer = await step('making a layer of Pillow from PyPI', () => pillowLayer(cacheDirectory, signal));
  const markdown = markdownFunction();
  await step('installing the dependency of examples/markdown from npm', () =>
    run('npm', ['ci', '--silent', '--no-audit', '--no-fund'], { cwd: markdown.directory, environment: process.env, signal }),
  );
  const started = await step('starting Cloister', () => cloister.up());
  {
    await using running = started;
    const client = lambdaClient(running.ready);
    const layerArn = await step('publishing the layer', () => publishLayer(client, layer, signal));
    const functions = [thumbnailFunction(layerArn), markdown, shellFunction()];
    for (const each of functions) await step(`deploying ${each.name} (${each.runtime})`, () => deploy(cloister, each));
    const results: TwoInvocations[] = [];
    for (const each of functions) results.push(await step(`invoking ${each.name} twice`, () => invokeTwice(client, each, signal)));
    const inspected = await step('reading the walls from the kernel', () => inspect(cloister, functions));
    show(results, inspected);
    await step('deleting the functions', async () => {
      for (const each of functions) await cloister.json('function', 'delete', each.name);
    });
    console.log('• stopping Cloister');
  }
  console.log(`  done; the runtimes stay in ${values['data-dir']}, the thumbnail in ${cacheDirectory}thumbnail.png`);
}

function lambdaClient({ endpoint, region, accessKeyId, secretAccessKey }: ReadyLine): LambdaClient {
  return new LambdaClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
}

/** Publishes the layer unless one of its versions has this content already. */
async function publishLayer(client: LambdaClient, zip: Buffer, abortSignal: AbortSignal): Promise<string> {
  // The first request of a client is slow; the invocations that are timed must not be it.
  await client.send(new ListFunctionsCommand({}), { abortSignal });
  const sha256 = createHash('sha256').update(zip).digest('base64');
  for (let version = 1; ; version += 1) {
    try {
      const known = await client.send(new GetLayerVersionCommand({ LayerName: layerName, VersionNumber: version }), { abortSignal });
      if (known.Content?.CodeSha256 === sha256 && known.LayerVersionArn !== undefined) return known.LayerVersionArn;
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
      break;
    }
  }
  const published = await client.send(new PublishLayerVersionCommand({ LayerName: layerName, Content: { ZipFile: zip } }), { abortSignal });
  if (published.LayerVersionArn === undefined) throw new Error('the layer got no ARN');
  return published.LayerVersionArn;
}

async function deploy(cloister: Cloister, { name, runtime, directory, settings }: DemoFunction): Promise<void> {
  await cloister.json('deploy', directory, '--name', name, '--runtime', runtime, ...settings);
}

async function inspect(cloister: Cloister, functions: readonly DemoFunction[]): Promise<Inspected[]> {
  const environments = await cloister.json<{ id: string; functionName: string; pids: number[] }[]>('env', 'list');
  const inspected: Inspected[] = [];
  for (const { name } of functions) {
    const environment = environments.find(({ functionName }) => functionName === name);
    if (environment === undefined) throw new Error(`${name} has no execution environment any more`);
    const walls = await cloister.json<Walls>('env', 'inspect', environment.id);
    inspected.push({ functionName: name, environmentId: environment.id, pids: environment.pids, walls });
  }
  return inspected;
}

function show(results: readonly TwoInvocations[], inspected: readonly Inspected[]): void {
  const rows = results.map(({ name, runtime, result, coldMs, warmMs, reuse }) => [
    name,
    runtime,
    result,
    coldMs.toFixed(0),
    warmMs.toFixed(1),
    `process served ${reuse.invocationsOfThisProcess}, /tmp has ${reuse.linesInTmp} lines`,
  ]);
  const places = inspected.map(({ functionName, environmentId, pids }) => `  ${functionName}: ${environmentId}, PID ${pids.join(' ')} on the host`);
  console.log(['', ...table(['FUNCTION', 'RUNTIME', 'RESULT', 'COLD ms', 'WARM ms', 'SECOND INVOCATION'], rows), ''].join('\n'));
  console.log(['The walls around each, as the kernel tells them now:', ...places, '', ...wallTable(inspected), ''].join('\n'));
}
