import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { findAgentProcess, isRunning } from '../agent-process.ts';
import { dataDirectoryOf, readEndpointFile } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { positiveInteger } from '../option-values.ts';
import { note, print, printJson } from '../output.ts';

const help = `
Examples:
  $ cloister down
  $ cloister down --data-dir /srv/cloister

Running invocations get up to their shutdown time. It is no error when nothing runs.`;
const pollMs = 50;
const firstNoteMs = 2_000;

/** `cloister down`: ends the agent of a data directory and waits until it is gone. */
export function registerDown(program: Command): void {
  program
    .command('down')
    .summary('stop Cloister')
    .description('Stops the daemon of a data directory and waits until nothing of it is left.')
    .option('--timeout <seconds>', 'give up waiting after so long', positiveInteger, 120)
    .addHelpText('after', help)
    .action(async (_options, command: Command) => {
      const options = optionsOf<{ readonly timeout: number }>(command);
      const dataDirectory = dataDirectoryOf(options);
      const pid = readEndpointFile(dataDirectory)?.pid;
      const agent = pid === undefined ? undefined : findAgentProcess(pid);
      if (agent === undefined) {
        if (options.json === true) printJson({ stopped: false, dataDir: dataDirectory });
        else note(`no daemon runs on ${dataDirectory}`);
        return;
      }
      process.kill(agent.pid, 'SIGTERM');
      const startedMs = performance.now();
      const elapsedMs = () => performance.now() - startedMs;
      for (let noted = false; isRunning(agent); await delay(pollMs)) {
        if (elapsedMs() > options.timeout * 1_000) {
          throw new CloisterError('Internal', `pid ${agent.pid} has not ended within ${options.timeout} seconds`, { operation: 'down' });
        }
        if (!noted && elapsedMs() > firstNoteMs) {
          noted = true;
          note(`waiting for pid ${agent.pid} to end its environments …`);
        }
      }
      if (options.json === true) printJson({ stopped: true, pid: agent.pid, dataDir: dataDirectory });
      else print(`stopped (pid ${agent.pid})`);
    });
}
