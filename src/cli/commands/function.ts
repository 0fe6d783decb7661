import {
  DeleteFunctionCommand,
  type FunctionConfiguration,
  type FunctionVersion,
  GetFunctionCommand,
  paginateListFunctions,
} from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { showAnswer } from '../lambda-answer.ts';
import { lambdaClient } from '../lambda-client.ts';
import { print, printJson, printTable } from '../output.ts';
import { type QualifierOptions, qualified, qualifierOf } from '../qualifier.ts';
import { registerFunctionAsync } from './function-async.ts';
import { registerFunctionConcurrency } from './function-concurrency.ts';
import { registerFunctionPermission } from './function-permission.ts';
import { registerFunctionTag } from './function-tag.ts';
import { registerFunctionUpdate } from './function-update.ts';

const listHelp = `
Examples:
  $ cloister function list
  $ cloister function list --versions               # every published version as well
  $ cloister function list --account 210987654321 --json`;
const showHelp = `
Examples:
  $ cloister function show hello
  $ cloister function show hello --qualifier live    # the version that an alias leads to
  $ cloister function show hello --json | jq -r .Code.Location | xargs curl -o hello.zip

Code.Location is a signed address that gives the deployed archive for some minutes.`;
const deleteHelp = `
Examples:
  $ cloister function delete hello                  # the function with all its versions
  $ cloister function delete hello --qualifier 3    # one version

A running invocation is let finish; then its execution environment ends.`;

/** `cloister function` with its sub-commands. */
export function registerFunction(program: Command): void {
  const group = program
    .command('function')
    .summary('functions: list, show, update, delete; concurrency, permission, async, tag')
    .description('Shows, changes and deletes the functions of an account. New ones are made with: cloister deploy');
  registerList(group);
  registerShow(group);
  registerFunctionUpdate(group);
  registerDelete(group);
  registerFunctionConcurrency(group);
  registerFunctionPermission(group);
  registerFunctionAsync(group);
  registerFunctionTag(group);
}

function registerList(group: Command): void {
  group
    .command('list')
    .description('Lists the functions of the account.')
    .option('--versions', 'also every published version')
    .addHelpText('after', listHelp)
    .action(async (_options, command: Command) => {
      const options = optionsOf<{ readonly versions?: boolean }>(command);
      const client = lambdaClient(locateDaemon(options));
      const which = options.versions === true ? { FunctionVersion: 'ALL' satisfies FunctionVersion as FunctionVersion } : {};
      const functions: FunctionConfiguration[] = [];
      for await (const page of paginateListFunctions({ client }, which)) functions.push(...(page.Functions ?? []));
      if (options.json === true) {
        printJson(functions);
        return;
      }
      const rows = functions.map((each) => [
        each.FunctionName ?? '',
        ...(options.versions === true ? [each.Version ?? ''] : []),
        each.Runtime ?? '',
        `${each.MemorySize} MiB`,
        `${each.Timeout} s`,
        each.State ?? '',
        each.LastModified ?? '',
      ]);
      const heading = ['NAME', ...(options.versions === true ? ['VERSION'] : []), 'RUNTIME', 'MEMORY', 'TIMEOUT', 'STATE', 'LAST MODIFIED'];
      printTable(heading, rows, 'no functions yet; deploy one with: cloister deploy');
    });
}

function registerShow(group: Command): void {
  group
    .command('show')
    .description('Shows everything about a function: its settings, where its code can be had, its tags and its reserved concurrency.')
    .argument('<name>', 'name or ARN of the function')
    .option('--qualifier <version>', 'a version or an alias of it')
    .addHelpText('after', showHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<QualifierOptions>(command);
      const answer = await lambdaClient(locateDaemon(options)).send(new GetFunctionCommand({ FunctionName: name, ...qualifierOf(options) }));
      showAnswer(answer, { json: options.json, title: qualified(name, options) });
    });
}

function registerDelete(group: Command): void {
  group
    .command('delete')
    .description('Deletes a function, or one version of it.')
    .argument('<name>', 'name or ARN of the function')
    .option('--qualifier <version>', 'delete only this version')
    .addHelpText('after', deleteHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<QualifierOptions>(command);
      await lambdaClient(locateDaemon(options)).send(new DeleteFunctionCommand({ FunctionName: name, ...qualifierOf(options) }));
      if (options.json === true) printJson({ deleted: name, ...(options.qualifier === undefined ? {} : { qualifier: options.qualifier }) });
      else print(`deleted ${qualified(name, options)}`);
    });
}
