import { Command } from 'commander';
import { registerAlias } from './commands/alias.ts';
import { registerAudit } from './commands/audit.ts';
import { registerCredentials } from './commands/credentials.ts';
import { registerDeploy } from './commands/deploy.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerDown } from './commands/down.ts';
import { registerEnv } from './commands/env.ts';
import { registerFunction } from './commands/function.ts';
import { registerInvoke } from './commands/invoke.ts';
import { registerLayer } from './commands/layer.ts';
import { registerLogs } from './commands/logs.ts';
import { registerRuntime } from './commands/runtime.ts';
import { registerStatus } from './commands/status.ts';
import { registerUp } from './commands/up.ts';
import { registerUrl } from './commands/url.ts';
import { registerVersion } from './commands/version.ts';
import { defaultDataDirectory } from './daemon-location.ts';
import { twelveDigits } from './option-values.ts';

const statuses = `
Exit statuses:
  0  done
  1  the function failed, or the operation was refused
  2  the command line is wrong
  3  no daemon answers
  4  this host is not fit (see: cloister doctor)`;

const introduction = `
A first function, from nothing:
  $ sudo cloister doctor --fix              # installs what the host lacks
  $ sudo cloister runtime build nodejs24.x  # makes the runtime, once
  $ sudo cloister up --detach
  $ cloister deploy ./hello --name hello --runtime nodejs24.x --handler index.handler
  $ cloister invoke hello --payload '{"who":"you"}'

Finding the daemon, in this order:
  --data-dir DIR       the endpoint and the keys kept in that data directory
  CLOISTER_ENDPOINT    a URL, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else the data directory's keys
  CLOISTER_DATA_DIR    as --data-dir; ${defaultDataDirectory} when it is not set
${statuses}`;

/** The whole command line: every command, its help and its rules. */
export function cloisterProgram(): Command {
  const program = new Command('cloister')
    .description('Runs functions on this host behind Linux kernel walls and speaks AWS Lambda’s API.')
    .option('--data-dir <dir>', `the daemon's data directory (CLOISTER_DATA_DIR; default: ${defaultDataDirectory})`)
    .option('--account <id>', 'the account to act as, or to make keys for (default: the first account)', twelveDigits)
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', introduction)
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride();
  registerUp(program);
  registerDown(program);
  registerStatus(program);
  registerDoctor(program);
  registerAudit(program);
  registerDeploy(program);
  registerInvoke(program);
  registerLogs(program);
  registerFunction(program);
  registerAlias(program);
  registerLayer(program);
  registerUrl(program);
  registerEnv(program);
  registerRuntime(program);
  registerCredentials(program);
  registerVersion(program);
  return program;
}
