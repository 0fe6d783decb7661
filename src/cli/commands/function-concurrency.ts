import {
  DeleteFunctionConcurrencyCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetFunctionConcurrencyCommand,
  type LambdaClient,
  ListProvisionedConcurrencyConfigsCommand,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
} from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { showAnswer } from '../lambda-answer.ts';
import { lambdaClient } from '../lambda-client.ts';
import { positiveInteger, wholeNumber } from '../option-values.ts';

interface ConcurrencyOptions {
  readonly reserved?: number | false;
  readonly provisioned?: number | false;
  readonly qualifier?: string;
}

const help = `
Examples:
  $ cloister function concurrency hello                                     # what is set
  $ cloister function concurrency hello --reserved 10                       # at most 10 at a time, and nobody else gets them
  $ cloister function concurrency hello --reserved 0                        # no invocation at all
  $ cloister function concurrency hello --no-reserved
  $ cloister function concurrency hello --qualifier live --provisioned 5    # kept ready for a version or an alias
  $ cloister function concurrency hello --qualifier live --no-provisioned`;

/** `cloister function concurrency`: shows and changes reserved and provisioned concurrency. */
export function registerFunctionConcurrency(group: Command): void {
  group
    .command('concurrency')
    .description('Shows, sets and removes how many invocations of a function may run at a time, and how many environments are kept ready.')
    .argument('<name>', 'name or ARN of the function')
    .option('--reserved <count>', 'the function’s own share of the account’s concurrency, and its limit', wholeNumber)
    .option('--no-reserved', 'remove that limit')
    .option('--provisioned <count>', 'environments kept ready, with --qualifier', positiveInteger)
    .option('--no-provisioned', 'keep none ready, with --qualifier')
    .option('--qualifier <version>', 'the version or alias that --provisioned is about')
    .addHelpText('after', help)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<ConcurrencyOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      await change(client, name, options);
      showAnswer(await read(client, name), { json: options.json, title: name });
    });
}

async function change(client: LambdaClient, name: string, { reserved, provisioned, qualifier }: ConcurrencyOptions): Promise<void> {
  if (provisioned !== undefined && qualifier === undefined) {
    throw new CloisterError('BadMessage', 'environments are kept ready for a version or an alias: name it with --qualifier', {
      operation: 'function concurrency',
    });
  }
  if (reserved === false) await client.send(new DeleteFunctionConcurrencyCommand({ FunctionName: name }));
  else if (reserved !== undefined) {
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: reserved }));
  }
  const version = { FunctionName: name, Qualifier: qualifier };
  if (provisioned === false) await client.send(new DeleteProvisionedConcurrencyConfigCommand(version));
  else if (provisioned !== undefined) {
    await client.send(new PutProvisionedConcurrencyConfigCommand({ ...version, ProvisionedConcurrentExecutions: provisioned }));
  }
}

async function read(client: LambdaClient, name: string) {
  const { ReservedConcurrentExecutions } = await client.send(new GetFunctionConcurrencyCommand({ FunctionName: name }));
  const { ProvisionedConcurrencyConfigs } = await client.send(new ListProvisionedConcurrencyConfigsCommand({ FunctionName: name }));
  return { ReservedConcurrentExecutions: ReservedConcurrentExecutions ?? null, ProvisionedConcurrencyConfigs: ProvisionedConcurrencyConfigs ?? [] };
}
