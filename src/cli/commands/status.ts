import type { Command } from 'commander';
import { AdminClient } from '../admin-client.ts';
import { dataDirectoryOf, locateDaemon, readEndpointFile } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { factLines } from '../lambda-answer.ts';
import { paint, print, printJson } from '../output.ts';

const help = `
Examples:
  $ cloister status
  $ cloister status --json

Exit status 0 when the daemon answers, 3 when it does not.`;

/** `cloister status`: whether the daemon answers, where, and as which processes. */
export function registerStatus(program: Command): void {
  program
    .command('status')
    .summary('whether Cloister runs, and where')
    .description('Asks the daemon how it is. "pid" is the host agent (root), "daemonPid" the daemon (user cloister, no privilege).')
    .addHelpText('after', help)
    .action(async (_options, command: Command) => {
      const options = optionsOf(command);
      const location = locateDaemon(options);
      const answer = (await new AdminClient(location).get('status')) as Readonly<Record<string, unknown>>;
      const dataDirectory = dataDirectoryOf(options);
      const file = readEndpointFile(dataDirectory);
      // CLOISTER_ENDPOINT may lead to another daemon than the one of this data directory: its pids are not ours to tell.
      const pids = file?.endpoint === location.endpoint ? { pid: file.pid, daemonPid: file.daemonPid, dataDir: dataDirectory } : {};
      const status = { endpoint: location.endpoint, region: location.region, ...answer, ...pids };
      if (options.json === true) {
        printJson(status);
        return;
      }
      print(`${paint('green', 'running')} at ${location.endpoint}`);
      print(...factLines(status));
    });
}
