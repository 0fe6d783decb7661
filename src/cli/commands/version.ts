import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { optionsOf } from '../global-options.ts';
import { print, printJson } from '../output.ts';

/** `cloister version`: the versions of Cloister and of the Node it runs on. */
export function registerVersion(program: Command): void {
  program
    .command('version')
    .summary('print the version')
    .description('Prints the version of Cloister and of the Node it runs on.')
    .addHelpText('after', '\nExamples:\n  $ cloister version\n  $ cloister version --json')
    .action((_options, command: Command) => {
      const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
      if (optionsOf(command).json === true) printJson({ version, node: process.versions.node });
      else print(`cloister ${version} (Node ${process.versions.node})`);
    });
}
