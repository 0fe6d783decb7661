import { type FilteredLogEvent, ResourceNotFoundException as NoSuchGroup, paginateDescribeLogGroups } from '@aws-sdk/client-cloudwatch-logs';
import { GetFunctionConfigurationCommand, type LambdaClient, ResourceNotFoundException as NoSuchFunction } from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { parseFunctionReference } from '../../functions/arn.ts';
import { type DaemonLocation, locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { followLogEvents, type LogQuery, readLogEvents } from '../log-events.ts';
import { logsClient } from '../logs-client.ts';
import { moment } from '../option-values.ts';
import { note, paint, print, printJson, printTable } from '../output.ts';

interface LogsOptions extends Omit<LogQuery, 'group'> {
  readonly group?: string;
  readonly groups?: boolean;
  readonly follow?: boolean;
}

const help = `
Examples:
  $ cloister logs hello
  $ cloister logs hello --follow                       # until Ctrl-C
  $ cloister logs hello --since 10m --filter ERROR     # the lines with that word
  $ cloister logs hello --filter '{ $.level = "WARN" }'
  $ cloister logs --group /aws/lambda/hello            # a log group, whether its function is there or not
  $ cloister logs --groups                             # the log groups of the account
  $ cloister logs hello --json                         # one {"timestamp","message","logStream"} a line

Every execution environment has a log stream of its own; they are shown together in the order of time.`;

/** `cloister logs`: what a function wrote, with the lines that Lambda adds. */
export function registerLogs(program: Command): void {
  program
    .command('logs')
    .summary('show what a function logged')
    .description('Shows what a function wrote to its standard output and error, with Lambda’s START, END and REPORT lines.')
    .argument('[name]', 'name or ARN of the function')
    .option('--group <name>', 'this log group instead of a function’s')
    .option('--groups', 'list the log groups instead')
    .option('--follow', 'go on with what is logged from now on')
    .option('--since <time>', 'only from this time on: 10m, 2h, 1d, or a date', moment)
    .option('--until <time>', 'only before this time', moment)
    .option('--filter <pattern>', 'only events that match, in the words of CloudWatch Logs’ filter patterns')
    .option('--stream <prefix>', 'only log streams whose name begins so')
    .addHelpText('after', help)
    .action(async (name: string | undefined, _options, command: Command) => {
      const options = optionsOf<LogsOptions>(command);
      if ([name, options.group, options.groups].filter((each) => each !== undefined).length !== 1) {
        throw new CloisterError('BadMessage', 'one of a function’s name, --group and --groups is needed', { operation: 'logs' });
      }
      const location = locateDaemon(options);
      if (options.groups === true) await listGroups(location, options.json === true);
      else await showEvents(location, name, options, options.json === true);
    });
}

async function showEvents(location: DaemonLocation, name: string | undefined, options: LogsOptions, json: boolean): Promise<void> {
  const lambda = lambdaClient(location);
  const found = name === undefined ? { group: options.group ?? '', exists: false } : await groupOf(lambda, name);
  const query = { ...options, group: found.group };
  const client = logsClient(location);
  try {
    for await (const event of options.follow === true ? followLogEvents(client, query) : readLogEvents(client, query))
      print(json ? asJson(event) : line(event));
  } catch (error) {
    // A function that has not run yet has no log group.
    if (!(error instanceof NoSuchGroup && found.exists)) throw error;
    note(`${name} has not logged anything yet`);
  }
}

/** The log group of a function; logs outlive their function, in the group it had by default. */
async function groupOf(client: LambdaClient, name: string): Promise<{ readonly group: string; readonly exists: boolean }> {
  try {
    const { FunctionName, LoggingConfig } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    return { group: LoggingConfig?.LogGroup ?? `/aws/lambda/${FunctionName}`, exists: true };
  } catch (error) {
    const functionName = parseFunctionReference(name)?.functionName;
    if (!(error instanceof NoSuchFunction) || functionName === undefined) throw error;
    return { group: `/aws/lambda/${functionName}`, exists: false };
  }
}

async function listGroups(location: DaemonLocation, json: boolean): Promise<void> {
  const groups = [];
  for await (const page of paginateDescribeLogGroups({ client: logsClient(location) }, {})) groups.push(...(page.logGroups ?? []));
  if (json) {
    printJson(groups);
    return;
  }
  const rows = groups.map((each) => [
    each.logGroupName ?? '',
    each.retentionInDays === undefined ? 'for ever' : `${each.retentionInDays} days`,
    `${each.storedBytes ?? 0} bytes`,
  ]);
  printTable(['LOG GROUP', 'KEPT', 'SIZE'], rows, 'nothing was logged yet');
}

function asJson({ timestamp, message, logStreamName }: FilteredLogEvent): string {
  return JSON.stringify({ timestamp, message, logStream: logStreamName });
}

function line({ timestamp = 0, message = '' }: FilteredLogEvent): string {
  return `${paint('dim', new Date(timestamp).toISOString())} ${message.trimEnd()}`;
}
