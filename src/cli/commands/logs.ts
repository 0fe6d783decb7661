import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { AdminClient } from '../admin-client.ts';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { moment } from '../option-values.ts';
import { paint, print } from '../output.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly since?: number;
}

interface LogPage {
  readonly events: readonly { readonly timestamp: number; readonly message: string; readonly logStream: string }[];
  readonly nextSequence: number;
}

const pageSize = 1_000;
const pollMs = 500;
const help = `
Examples:
  $ cloister logs hello
  $ cloister logs hello --follow            # until Ctrl-C
  $ cloister logs hello --since 10m
  $ cloister logs hello --json              # one {"timestamp","message","logStream"} a line

Every execution environment has a log stream of its own; they are shown together in the order of writing.`;

/** `cloister logs`: what a function wrote, with the lines that Lambda adds. */
export function registerLogs(program: Command): void {
  program
    .command('logs')
    .summary('show what a function logged')
    .description('Shows what a function wrote to its standard output and error, with Lambda’s START, END and REPORT lines.')
    .argument('<name>', 'name of the function')
    .option('--follow', 'go on with what is logged from now on')
    .option('--since <time>', 'only from this time on: 10m, 2h, 1d, or a date', moment)
    .addHelpText('after', help)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<LogsOptions>(command);
      const client = new AdminClient(locateDaemon(options));
      for (let afterSequence = 0; ; ) {
        const query = { functionName: name, afterSequence: String(afterSequence), limit: String(pageSize) };
        const page = (await client.get('logs', query)) as LogPage;
        const shown = page.events.filter((event) => event.timestamp >= (options.since ?? 0));
        print(...shown.map((event) => (options.json === true ? JSON.stringify(event) : line(event))));
        afterSequence = page.nextSequence;
        if (page.events.length > 0) continue;
        if (options.follow !== true) return;
        await delay(pollMs);
      }
    });
}

function line(event: LogPage['events'][number]): string {
  return `${paint('dim', new Date(event.timestamp).toISOString())} ${event.message.trimEnd()}`;
}
