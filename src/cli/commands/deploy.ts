import {
  CreateFunctionCommand,
  type FunctionConfiguration,
  GetFunctionConfigurationCommand,
  type LambdaClient,
  ResourceNotFoundException,
  type Runtime,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { type Command, Option } from 'commander';
import { CloisterError } from '../../errors.ts';
import type { Isolation } from '../../functions/function-version.ts';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { positiveInteger, repeated, variable } from '../option-values.ts';
import { print, printJson, tableLines } from '../output.ts';
import { waitForFunction } from '../wait-for-function.ts';
import { readArchive } from '../zip-directory.ts';

interface DeployOptions {
  readonly name: string;
  readonly runtime?: string;
  readonly handler?: string;
  readonly memory?: number;
  readonly timeout?: number;
  readonly tmp?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly layer?: readonly string[];
  readonly isolation?: Isolation;
  readonly role: string;
}

const readyTimeoutMs = 180_000;
const help = `
Examples:
  $ cloister deploy ./hello --name hello --runtime nodejs24.x --handler index.handler
  $ cloister deploy build.zip --name report --runtime python3.13 --handler app.main --memory 512 --timeout 30
  $ cloister deploy ./tool --name tool --runtime provided.al2023          # an executable file "bootstrap" in it
  $ cloister deploy ./hello --name hello                                  # new code, everything else as it was
  $ cloister deploy ./hello --name hello --env STAGE=test --env DEBUG=1  # replaces the function's variables

A directory is zipped as it is; nothing is installed or compiled. Run "npm ci" or "pip install --target" before.
It creates the function, or updates it when there is one of that name, and returns when it can be invoked.`;

/** `cloister deploy`: creates or updates a function from a directory or a zip. */
export function registerDeploy(program: Command): void {
  program
    .command('deploy')
    .summary('create or update a function')
    .description('Creates or updates a function from a directory or a zip file and prints its configuration.')
    .argument('<dir|zip>', 'the function’s files')
    .requiredOption('--name <name>', 'the function’s name')
    .option('--runtime <name>', 'the runtime, see: cloister runtime list (needed for a new function)')
    .option('--handler <name>', 'file and function, such as index.handler (needed for a new function of a managed runtime)')
    .option('--memory <mib>', 'memory in MiB; the share of a CPU grows with it (1,769 MiB: one)', positiveInteger)
    .option('--timeout <seconds>', 'the longest an invocation may take', positiveInteger)
    .option('--tmp <mib>', 'size of /tmp in MiB', positiveInteger)
    .option('--env <name=value>', 'an environment variable; repeat it for more', variable)
    .option('--layer <arn>', 'a layer version; repeat it for more, in order', repeated)
    .addOption(new Option('--isolation <driver>', 'what walls its environments in').choices(['oci', 'microvm']))
    .option('--role <arn>', 'the execution role that Lambda’s API asks for; nothing is granted by it', 'arn:aws:iam::000000000000:role/cloister')
    .addHelpText('after', help)
    .action(async (path: string, _options, command: Command) => {
      const options = optionsOf<DeployOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const archive = await readArchive(path);
      const exists = await functionExists(client, options.name);
      const configuration = exists ? await update(client, archive, options) : await create(client, archive, options);
      if (options.json === true) printJson(configuration);
      else print(...describe(configuration, exists));
    });
}

async function functionExists(client: LambdaClient, name: string): Promise<boolean> {
  try {
    await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    return true;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}

async function create(client: LambdaClient, archive: Buffer, options: DeployOptions): Promise<FunctionConfiguration> {
  const { runtime } = options;
  const handler = options.handler ?? (runtime?.startsWith('provided') ? 'bootstrap' : undefined);
  if (runtime === undefined || handler === undefined) {
    const missing = runtime === undefined ? '--runtime' : '--handler';
    throw new CloisterError('BadMessage', `there is no function ${options.name} yet, so ${missing} is needed`, { operation: 'deploy' });
  }
  await client.send(
    new CreateFunctionCommand({
      FunctionName: options.name,
      Role: options.role,
      Code: { ZipFile: archive },
      ...settings(options),
      Runtime: runtime as Runtime,
      Handler: handler,
      ...(options.isolation === undefined ? {} : { Tags: { 'cloister:isolation': options.isolation } }),
    }),
  );
  return waitForFunction(client, options.name, readyTimeoutMs);
}

async function update(client: LambdaClient, archive: Buffer, options: DeployOptions): Promise<FunctionConfiguration> {
  const FunctionName = options.name;
  if (options.isolation !== undefined) {
    throw new CloisterError('BadMessage', '--isolation is chosen when a function is created; delete it first', { operation: 'deploy' });
  }
  // Lambda refuses a second update while one is under way.
  await waitForFunction(client, FunctionName, readyTimeoutMs);
  const changes = settings(options);
  if (Object.keys(changes).length > 0) {
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...changes }));
    await waitForFunction(client, FunctionName, readyTimeoutMs);
  }
  await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: archive }));
  return waitForFunction(client, FunctionName, readyTimeoutMs);
}

/** The settings that the command line names; the rest stays as it is. */
function settings(options: DeployOptions) {
  return {
    ...(options.runtime === undefined ? {} : { Runtime: options.runtime as Runtime }),
    ...(options.handler === undefined ? {} : { Handler: options.handler }),
    ...(options.memory === undefined ? {} : { MemorySize: options.memory }),
    ...(options.timeout === undefined ? {} : { Timeout: options.timeout }),
    ...(options.tmp === undefined ? {} : { EphemeralStorage: { Size: options.tmp } }),
    ...(options.env === undefined ? {} : { Environment: { Variables: { ...options.env } } }),
    ...(options.layer === undefined ? {} : { Layers: [...options.layer] }),
  };
}

function describe(configuration: FunctionConfiguration, existed: boolean): string[] {
  const { FunctionName, FunctionArn, Runtime, Handler, MemorySize, Timeout, CodeSize, CodeSha256, State } = configuration;
  const rows = { FunctionArn, Runtime, Handler, MemorySize, Timeout, CodeSize, CodeSha256, State };
  const lines = tableLines(Object.entries(rows).flatMap(([name, value]) => (value === undefined ? [] : [[`  ${name}`, String(value)]])));
  return [`${FunctionName} ${existed ? 'updated' : 'created'}`, ...lines, `Try it: cloister invoke ${FunctionName} --payload '{}'`];
}
