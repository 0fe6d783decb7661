import {
  type AliasConfiguration,
  CreateAliasCommand,
  DeleteAliasCommand,
  GetAliasCommand,
  paginateListAliases,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { showAnswer } from '../lambda-answer.ts';
import { lambdaClient } from '../lambda-client.ts';
import { weight } from '../option-values.ts';
import { print, printJson, printTable } from '../output.ts';

interface AliasOptions {
  readonly version?: string;
  /** False: no weights any more. */
  readonly weight?: Readonly<Record<string, number>> | false;
  readonly description?: string;
}

const createHelp = `
Examples:
  $ cloister alias create hello live --version 3
  $ cloister alias create hello live --version 3 --weight 4=10%    # a tenth of the invocations goes to version 4

An alias is a name that leads to a version: cloister invoke hello --qualifier live`;
const updateHelp = `
Examples:
  $ cloister alias update hello live --version 4                   # everybody gets version 4 from now on
  $ cloister alias update hello live --weight 5=5%                 # and one of twenty version 5
  $ cloister alias update hello live --no-weight`;
const listHelp = `
Examples:
  $ cloister alias list hello
  $ cloister alias list hello --version 3     # those that lead to version 3`;
const showHelp = `
Examples:
  $ cloister alias show hello live`;
const deleteHelp = `
Examples:
  $ cloister alias delete hello live          # the versions stay`;

/** `cloister alias` with its sub-commands. */
export function registerAlias(program: Command): void {
  const group = program
    .command('alias')
    .summary('aliases of versions: create, update, list, show, delete')
    .description('Names that lead to versions of a function, and can share invocations between two of them.');
  registerCreate(group);
  registerUpdate(group);
  registerList(group);
  registerShow(group);
  registerDelete(group);
}

function registerCreate(group: Command): void {
  aliasCommand(group, 'create', 'Makes an alias.')
    .requiredOption('--version <version>', 'the version it leads to')
    .option('--weight <version=share>', 'a second version and its share of the invocations, such as 4=10%', weight)
    .option('--description <text>', 'what it is for')
    .addHelpText('after', createHelp)
    .action(async (name: string, alias: string, _options, command: Command) => {
      const options = optionsOf<AliasOptions & { readonly version: string }>(command);
      const request = new CreateAliasCommand({ FunctionName: name, Name: alias, FunctionVersion: options.version, ...changesOf(options) });
      showAnswer(await lambdaClient(locateDaemon(options)).send(request), { json: options.json, title: `${name}:${alias} created` });
    });
}

function registerUpdate(group: Command): void {
  aliasCommand(group, 'update', 'Changes where an alias leads.')
    .option('--version <version>', 'the version it leads to')
    .option('--weight <version=share>', 'a second version and its share of the invocations, such as 4=10%', weight)
    .option('--no-weight', 'all invocations go to the one version')
    .option('--description <text>', 'what it is for')
    .addHelpText('after', updateHelp)
    .action(async (name: string, alias: string, _options, command: Command) => {
      const options = optionsOf<AliasOptions>(command);
      const changes = changesOf(options);
      if (Object.keys(changes).length === 0) {
        throw new CloisterError('BadMessage', 'nothing to change: name --version, --weight, --no-weight or --description', {
          operation: 'alias update',
        });
      }
      const request = new UpdateAliasCommand({ FunctionName: name, Name: alias, ...changes });
      showAnswer(await lambdaClient(locateDaemon(options)).send(request), { json: options.json, title: `${name}:${alias} updated` });
    });
}

function registerList(group: Command): void {
  group
    .command('list')
    .description('Lists the aliases of a function.')
    .argument('<name>', 'name or ARN of the function')
    .option('--version <version>', 'only those that lead to this version')
    .addHelpText('after', listHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<{ readonly version?: string }>(command);
      const which = { FunctionName: name, ...(options.version === undefined ? {} : { FunctionVersion: options.version }) };
      const aliases: AliasConfiguration[] = [];
      for await (const page of paginateListAliases({ client: lambdaClient(locateDaemon(options)) }, which)) aliases.push(...(page.Aliases ?? []));
      if (options.json === true) {
        printJson(aliases);
        return;
      }
      const rows = aliases.map((each) => [each.Name ?? '', each.FunctionVersion ?? '', weights(each), each.Description ?? '']);
      printTable(['ALIAS', 'VERSION', 'ALSO', 'DESCRIPTION'], rows, `${name} has no alias`);
    });
}

function registerShow(group: Command): void {
  aliasCommand(group, 'show', 'Shows one alias.')
    .addHelpText('after', showHelp)
    .action(async (name: string, alias: string, _options, command: Command) => {
      const options = optionsOf(command);
      const answer = await lambdaClient(locateDaemon(options)).send(new GetAliasCommand({ FunctionName: name, Name: alias }));
      showAnswer(answer, { json: options.json, title: `${name}:${alias}` });
    });
}

function registerDelete(group: Command): void {
  aliasCommand(group, 'delete', 'Deletes an alias; the versions stay.')
    .addHelpText('after', deleteHelp)
    .action(async (name: string, alias: string, _options, command: Command) => {
      const options = optionsOf(command);
      await lambdaClient(locateDaemon(options)).send(new DeleteAliasCommand({ FunctionName: name, Name: alias }));
      if (options.json === true) printJson({ deleted: name, alias });
      else print(`deleted ${name}:${alias}`);
    });
}

function aliasCommand(group: Command, verb: string, description: string): Command {
  return group.command(verb).description(description).argument('<name>', 'name or ARN of the function').argument('<alias>', 'the alias’s name');
}

function changesOf({ version, weight, description }: AliasOptions) {
  return {
    ...(version === undefined ? {} : { FunctionVersion: version }),
    ...(weight === undefined ? {} : { RoutingConfig: { AdditionalVersionWeights: weight === false ? {} : { ...weight } } }),
    ...(description === undefined ? {} : { Description: description }),
  };
}

function weights({ RoutingConfig }: AliasConfiguration): string {
  return Object.entries(RoutingConfig?.AdditionalVersionWeights ?? {})
    .map(([version, share]) => `${version}: ${Math.round(share * 1_000) / 10} %`)
    .join(', ');
}
