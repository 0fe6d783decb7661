import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { dataDirectoryOf } from '../daemon-location.ts';
import { detachAgent } from '../detach-agent.ts';
import { optionsOf } from '../global-options.ts';
import { becomeProgram, hostProgram } from '../host-program.ts';
import { positiveInteger } from '../option-values.ts';
import { print } from '../output.ts';

interface UpOptions {
  readonly listen: string;
  readonly region: string;
  readonly idleTimeout?: number;
  readonly detach?: boolean;
}

const help = `
Examples:
  $ cloister up                                   # in the foreground; Ctrl-C ends it and leaves nothing behind
  $ cloister up --detach                          # returns once it serves; its log is <data-dir>/agent.log
  $ cloister up --listen 127.0.0.1:0 --json       # a free port, told in the first line of output

The first line with --json, printed once it can serve:
  {"endpoint","region","accountId","accessKeyId","secretAccessKey","dataDir","pid"}

SIGTERM ends it: running invocations get up to their shutdown time, and nothing of Cloister stays on the host.
A second daemon on the same data directory is refused.`;

/** `cloister up`: becomes the host agent, which starts the daemon. */
export function registerUp(program: Command): void {
  program
    .command('up')
    .summary('start Cloister on this host (needs root)')
    .description(
      'Starts Cloister: the host agent, which is this process, and the daemon, which it starts as the user cloister without any privilege.',
    )
    .option('--listen <host:port>', 'where Lambda’s API is served; port 0 picks a free one', '127.0.0.1:3001')
    .option('--region <name>', 'the region in ARNs and signatures', 'us-east-1')
    .option(
      '--idle-timeout <seconds>',
      'end an execution environment that was not used for so long (default: 900, or what config.json says)',
      positiveInteger,
    )
    .option('--detach', 'leave it running in the background')
    .addHelpText('after', help)
    .action(async (_options, command: Command) => {
      const options = optionsOf<UpOptions>(command);
      requireRoot();
      const dataDirectory = dataDirectoryOf(options);
      const args = [
        '--data-dir',
        dataDirectory,
        '--listen',
        options.listen,
        '--region',
        options.region,
        ...(options.idleTimeout === undefined ? [] : ['--idle-timeout', String(options.idleTimeout)]),
      ];
      if (options.detach !== true)
        becomeProgram(hostProgram('agent/main', options.json === true ? [...args, '--json'] : args, { ownMounts: true, asAgent: true }));
      const line = await detachAgent(hostProgram('agent/main', [...args, '--json'], { ownMounts: true, asAgent: true }), dataDirectory);
      if (options.json === true) {
        print(line);
        return;
      }
      const { endpoint, pid } = JSON.parse(line) as { endpoint: string; pid: number };
      print(`Cloister serves at ${endpoint} (pid ${pid}, log ${dataDirectory}/agent.log). Stop it with: cloister down --data-dir ${dataDirectory}`);
    });
}

function requireRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new CloisterError('HostUnfit', '"cloister up" needs root: it makes namespaces, mounts and control groups; try: sudo cloister up', {
    operation: 'up',
  });
}
