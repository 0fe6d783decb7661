import type { Command } from 'commander';
import { AdminClient } from '../admin-client.ts';
import { locateDaemon } from '../daemon-location.ts';
import { type EvidenceAnswer, evidenceLines } from '../evidence-report.ts';
import { type GlobalOptions, optionsOf } from '../global-options.ts';
import { print, printJson, printTable } from '../output.ts';

interface EnvironmentAnswer {
  readonly id: string;
  readonly accountId: string;
  readonly functionName: string;
  readonly version: string;
  readonly state: string;
  readonly driver: string;
  readonly memoryMiB: number;
  readonly createdAt: string;
  readonly pids: readonly number[];
}

const listHelp = `
Examples:
  $ cloister env list
  $ cloister env list --json      # [{"id","accountId","functionName","version","state","driver","memoryMiB","createdAt","pids"}]

The pids are the host's.`;
const inspectHelp = `
Examples:
  $ cloister env inspect env-0123456789abcdef
  $ cloister env inspect env-0123456789abcdef --json   # {WALL: {FACT: {"value","readFrom"}}}

Every value is read from the kernel now, not from Cloister's configuration.`;
const stopHelp = `
Examples:
  $ cloister env stop env-0123456789abcdef

Its function's next invocation starts in a new one.`;

/** `cloister env list`, `inspect` and `stop`: execution environments. */
export function registerEnv(program: Command): void {
  const group = program
    .command('env')
    .summary('execution environments: list, inspect, stop')
    .description('Shows the execution environments that run now, what walls each in, and ends them.');
  group
    .command('list')
    .description('Lists the execution environments that run now.')
    .addHelpText('after', listHelp)
    .action(async (_options, command: Command) => {
      const options = optionsOf(command);
      const { environments } = (await admin(options).get('environments')) as { readonly environments: readonly EnvironmentAnswer[] };
      if (options.json === true) printJson(environments);
      else
        printTable(
          ['ID', 'FUNCTION', 'VERSION', 'STATE', 'DRIVER', 'MEMORY', 'CREATED', 'PIDS'],
          environments.map(row),
          'no execution environment runs',
        );
    });
  group
    .command('inspect')
    .description('Shows wall by wall what the kernel says of one environment, with the file each value was read from.')
    .argument('<id>', 'the environment, see: cloister env list')
    .addHelpText('after', inspectHelp)
    .action(async (id: string, _options, command: Command) => {
      const options = optionsOf(command);
      const evidence = (await admin(options).get(`environments/${encodeURIComponent(id)}`)) as EvidenceAnswer;
      if (options.json === true) printJson(evidence.walls);
      else print(...evidenceLines(evidence));
    });
  group
    .command('stop')
    .description('Ends one execution environment at once.')
    .argument('<id>', 'the environment, see: cloister env list')
    .addHelpText('after', stopHelp)
    .action(async (id: string, _options, command: Command) => {
      const options = optionsOf(command);
      await admin(options).post(`environments/${encodeURIComponent(id)}/stop`);
      if (options.json === true) printJson({ stopped: id });
      else print(`stopped ${id}`);
    });
}

function admin(options: GlobalOptions): AdminClient {
  return new AdminClient(locateDaemon(options));
}

function row(each: EnvironmentAnswer): string[] {
  return [
    each.id,
    each.functionName,
    each.version,
    each.state,
    each.driver,
    `${each.memoryMiB} MiB`,
    each.createdAt,
    each.pids.length > 6 ? `${each.pids.slice(0, 6).join(' ')} … (${each.pids.length})` : each.pids.join(' '),
  ];
}
