import { readFileSync } from 'node:fs';
import { DeleteFunctionCommand, type FunctionConfiguration, PublishVersionCommand, paginateListVersionsByFunction } from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { print, printJson, printTable } from '../output.ts';
import { waitForFunction, waitUntilSettled } from '../wait-for-function.ts';

const help = `
Examples:
  $ cloister version                     # of the program itself
  $ cloister version --json
  $ cloister version publish hello       # of a function
  $ cloister version list hello`;
const publishHelp = `
Examples:
  $ cloister version publish hello
  $ cloister version publish hello --description "before the sale" --json

A version is a copy of the function's code and settings that never changes. Without a change since the last one, that one is answered again.
Callers name it with a qualifier (cloister invoke hello --qualifier 3), or an alias leads to it (cloister alias create hello live --version 3).`;
const listHelp = `
Examples:
  $ cloister version list hello
  $ cloister version list hello --json`;
const deleteHelp = `
Examples:
  $ cloister version delete hello 3

A version that an alias leads to is not deleted.`;

/** `cloister version`: the versions of Cloister and of the Node it runs on; its sub-commands are about versions of functions. */
export function registerVersion(program: Command): void {
  const group = program
    .command('version')
    .summary('print the program’s version; versions of functions: publish, list, delete')
    .description('Prints the version of Cloister and of the Node it runs on. The sub-commands publish, list and delete versions of functions.')
    .addHelpText('after', help)
    .action((_options, command: Command) => {
      const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
      if (optionsOf(command).json === true) printJson({ version, node: process.versions.node });
      else print(`cloister ${version} (Node ${process.versions.node})`);
    });
  registerPublish(group);
  registerList(group);
  registerDelete(group);
}

function registerPublish(group: Command): void {
  group
    .command('publish')
    .description('Publishes what a function is now as a version that never changes.')
    .argument('<name>', 'name or ARN of the function')
    .option('--description <text>', 'what this version is')
    .addHelpText('after', publishHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<{ readonly description?: string }>(command);
      const client = lambdaClient(locateDaemon(options));
      await waitUntilSettled(client, name);
      const description = options.description === undefined ? {} : { Description: options.description };
      const { FunctionArn = '', Version } = await client.send(new PublishVersionCommand({ FunctionName: name, ...description }));
      const published = await waitForFunction(client, FunctionArn);
      if (options.json === true) printJson(published);
      else print(`version ${Version} of ${published.FunctionName}: ${FunctionArn}`);
    });
}

function registerList(group: Command): void {
  group
    .command('list')
    .description('Lists the versions of a function, $LATEST first.')
    .argument('<name>', 'name or ARN of the function')
    .addHelpText('after', listHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf(command);
      const versions: FunctionConfiguration[] = [];
      const pages = paginateListVersionsByFunction({ client: lambdaClient(locateDaemon(options)) }, { FunctionName: name });
      for await (const page of pages) versions.push(...(page.Versions ?? []));
      if (options.json === true) {
        printJson(versions);
        return;
      }
      const rows = versions.map((each) => [each.Version ?? '', each.CodeSha256 ?? '', each.LastModified ?? '', each.Description ?? '']);
      printTable(['VERSION', 'CODE', 'LAST MODIFIED', 'DESCRIPTION'], rows, `${name} has no version`);
    });
}

function registerDelete(group: Command): void {
  group
    .command('delete')
    .description('Deletes one published version of a function.')
    .argument('<name>', 'name or ARN of the function')
    .argument('<version>', 'the version’s number')
    .addHelpText('after', deleteHelp)
    .action(async (name: string, version: string, _options, command: Command) => {
      const options = optionsOf(command);
      await lambdaClient(locateDaemon(options)).send(new DeleteFunctionCommand({ FunctionName: name, Qualifier: version }));
      if (options.json === true) printJson({ deleted: name, qualifier: version });
      else print(`deleted version ${version} of ${name}`);
    });
}
