import { DeleteFunctionCommand, type FunctionConfiguration, paginateListFunctions } from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { print, printJson, printTable } from '../output.ts';

const listHelp = `
Examples:
  $ cloister function list
  $ cloister function list --account 210987654321 --json`;
const deleteHelp = `
Examples:
  $ cloister function delete hello                  # the function with all its versions
  $ cloister function delete hello --qualifier 3    # one version

A running invocation is let finish; then its execution environment ends.`;

/** `cloister function list` and `cloister function delete`. */
export function registerFunction(program: Command): void {
  const group = program.command('function').summary('list and delete functions').description('Lists and deletes the functions of an account.');
  group
    .command('list')
    .description('Lists the functions of the account.')
    .addHelpText('after', listHelp)
    .action(async (_options, command: Command) => {
      const options = optionsOf(command);
      const functions: FunctionConfiguration[] = [];
      for await (const page of paginateListFunctions({ client: lambdaClient(locateDaemon(options)) }, {})) functions.push(...(page.Functions ?? []));
      if (options.json === true) {
        printJson(functions);
        return;
      }
      const rows = functions.map((each) => [
        each.FunctionName ?? '',
        each.Runtime ?? '',
        `${each.MemorySize} MiB`,
        `${each.Timeout} s`,
        each.State ?? '',
        each.LastModified ?? '',
      ]);
      printTable(['NAME', 'RUNTIME', 'MEMORY', 'TIMEOUT', 'STATE', 'LAST MODIFIED'], rows, 'no functions yet; deploy one with: cloister deploy');
    });
  group
    .command('delete')
    .description('Deletes a function, or one version of it.')
    .argument('<name>', 'name or ARN of the function')
    .option('--qualifier <version>', 'delete only this version')
    .addHelpText('after', deleteHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<{ readonly qualifier?: string }>(command);
      const qualifier = options.qualifier === undefined ? {} : { Qualifier: options.qualifier };
      await lambdaClient(locateDaemon(options)).send(new DeleteFunctionCommand({ FunctionName: name, ...qualifier }));
      if (options.json === true) printJson({ deleted: name, ...(options.qualifier === undefined ? {} : { qualifier: options.qualifier }) });
      else print(`deleted ${name}${options.qualifier === undefined ? '' : `:${options.qualifier}`}`);
    });
}
