import {
  CreateFunctionCommand,
  type FunctionConfiguration,
  GetFunctionConfigurationCommand,
  type LambdaClient,
  ResourceNotFoundException,
  type Runtime,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import { type Command, Option } from 'commander';
import { CloisterError } from '../../errors.ts';
import type { Isolation } from '../../functions/function-version.ts';
import { locateDaemon } from '../daemon-location.ts';
import { addSettingOptions, changeSettings, type SettingOptions, settingsOf } from '../function-settings.ts';
import { optionsOf } from '../global-options.ts';
import { factLines } from '../lambda-answer.ts';
import { lambdaClient } from '../lambda-client.ts';
import { print, printJson } from '../output.ts';
import { waitForFunction, waitUntilSettled } from '../wait-for-function.ts';
import { readArchive } from '../zip-directory.ts';

interface DeployOptions extends SettingOptions {
  readonly name: string;
  readonly isolation?: Isolation;
}

const anyRole = 'arn:aws:iam::000000000000:role/cloister';
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
  const command = program
    .command('deploy')
    .summary('create or update a function')
    .description('Creates or updates a function from a directory or a zip file and prints its configuration.')
    .argument('<dir|zip>', 'the function’s files')
    .requiredOption('--name <name>', 'the function’s name');
  addSettingOptions(command)
    .addOption(new Option('--isolation <driver>', 'what walls its environments in').choices(['oci', 'microvm']))
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
      Role: anyRole,
      Code: { ZipFile: archive },
      ...settingsOf(options),
      Runtime: runtime as Runtime,
      Handler: handler,
      ...(options.isolation === undefined ? {} : { Tags: { 'cloister:isolation': options.isolation } }),
    }),
  );
  return waitForFunction(client, options.name);
}

async function update(client: LambdaClient, archive: Buffer, options: DeployOptions): Promise<FunctionConfiguration> {
  const FunctionName = options.name;
  if (options.isolation !== undefined) {
    throw new CloisterError('BadMessage', '--isolation is chosen when a function is created; delete it first', { operation: 'deploy' });
  }
  const changes = settingsOf(options);
  if (Object.keys(changes).length > 0) await changeSettings(client, FunctionName, changes);
  else await waitUntilSettled(client, FunctionName);
  await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: archive }));
  return waitForFunction(client, FunctionName);
}

function describe(configuration: FunctionConfiguration, existed: boolean): string[] {
  const { FunctionName, FunctionArn, Runtime, Handler, MemorySize, Timeout, CodeSize, CodeSha256, State } = configuration;
  const facts = factLines({ FunctionArn, Runtime, Handler, MemorySize, Timeout, CodeSize, CodeSha256, State });
  return [`${FunctionName} ${existed ? 'updated' : 'created'}`, ...facts, `Try it: cloister invoke ${FunctionName} --payload '{}'`];
}
