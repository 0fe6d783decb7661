import {
  DeleteFunctionEventInvokeConfigCommand,
  type FunctionEventInvokeConfig,
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  type LambdaClient,
  PutFunctionEventInvokeConfigCommand,
} from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { showAnswer } from '../lambda-answer.ts';
import { lambdaClient } from '../lambda-client.ts';
import { positiveInteger, wholeNumber } from '../option-values.ts';
import { orNone } from '../or-none.ts';
import { note, printJson } from '../output.ts';
import { type QualifierOptions, qualified, qualifierOf } from '../qualifier.ts';

interface AsyncOptions extends QualifierOptions {
  readonly retries?: number;
  readonly maxAge?: number;
  readonly onSuccess?: string;
  readonly onFailure?: string;
  readonly reset?: boolean;
}

const help = `
Examples:
  $ cloister function async hello                                   # what is set
  $ cloister function async hello --retries 0 --max-age 3600
  $ cloister function async hello --on-failure arn:aws:sqs:us-east-1:123456789012:failed
  $ cloister function async hello --reset                           # two retries, six hours, no destinations

It is about events that are invoked with: cloister invoke NAME --async`;

/** `cloister function async`: retries, age and destinations of asynchronous events. */
export function registerFunctionAsync(group: Command): void {
  group
    .command('async')
    .description('Shows and sets what becomes of asynchronous events of a function: retries, how old they may get, where results go.')
    .argument('<name>', 'name or ARN of the function')
    .option('--qualifier <version>', 'a version or an alias')
    .option('--retries <count>', 'attempts after the first one failed: 0, 1 or 2', wholeNumber)
    .option('--max-age <seconds>', 'how long an event may wait, 60 to 21600', positiveInteger)
    .option('--on-success <arn>', 'queue, topic, bus, bucket or function that is told of success ("" for none)')
    .option('--on-failure <arn>', 'queue, topic, bus, bucket or function that is told of failure ("" for none)')
    .option('--reset', 'back to Lambda’s defaults')
    .addHelpText('after', help)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<AsyncOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const which = { FunctionName: name, ...qualifierOf(options) };
      if (options.reset === true) await removeIfThere(client, which);
      const before = await read(client, which);
      const changes = changesOf(options, before);
      const answer = changes === undefined ? before : await client.send(new PutFunctionEventInvokeConfigCommand({ ...which, ...changes }));
      if (answer !== undefined) showAnswer(answer, { json: options.json, title: qualified(name, options) });
      else if (options.json === true) printJson(null);
      else note(`${qualified(name, options)} has Lambda's defaults: two retries, six hours, no destinations`);
    });
}

/** The whole configuration that the command line asks for; undefined when it names no change. What it does not name stays. */
function changesOf({ retries, maxAge, onSuccess, onFailure }: AsyncOptions, before: FunctionEventInvokeConfig = {}) {
  if ([retries, maxAge, onSuccess, onFailure].every((each) => each === undefined)) return undefined;
  const { MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = before;
  return {
    MaximumRetryAttempts: retries ?? MaximumRetryAttempts,
    MaximumEventAgeInSeconds: maxAge ?? MaximumEventAgeInSeconds,
    DestinationConfig: {
      ...destination('OnSuccess', onSuccess ?? DestinationConfig?.OnSuccess?.Destination),
      ...destination('OnFailure', onFailure ?? DestinationConfig?.OnFailure?.Destination),
    },
  };
}

function destination(condition: 'OnSuccess' | 'OnFailure', arn: string | undefined) {
  return arn === undefined || arn === '' ? {} : { [condition]: { Destination: arn } };
}

type Version = { readonly FunctionName: string; readonly Qualifier?: string };

async function removeIfThere(client: LambdaClient, which: Version): Promise<void> {
  if ((await read(client, which)) !== undefined) await client.send(new DeleteFunctionEventInvokeConfigCommand(which));
}

/** Undefined when nothing is set. */
function read(client: LambdaClient, which: Version) {
  return orNone(client.send(new GetFunctionEventInvokeConfigCommand(which)), () => client.send(new GetFunctionConfigurationCommand(which)));
}
