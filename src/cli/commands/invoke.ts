import { InvokeCommand, type InvokeCommandOutput } from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { exitStatus } from '../exit-status.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { note, print, printJson } from '../output.ts';
import { readPayload } from '../read-payload.ts';

interface InvokeOptions {
  readonly payload: string;
  readonly qualifier?: string;
  readonly log?: boolean;
  readonly async?: boolean;
}

const help = `
Examples:
  $ cloister invoke hello
  $ cloister invoke hello --payload '{"who":"you"}'
  $ cloister invoke hello --payload @event.json --log     # the end of its log on standard error
  $ cat event.json | cloister invoke hello --payload -
  $ cloister invoke hello --payload @event.json --async    # 202, then see: cloister logs hello
  $ cloister invoke hello --qualifier 3 --json            # {"statusCode","functionError","executedVersion","requestId","durationMs","payload","log"}

Prints what the function answered. Exit status 1 when the function failed: the answer is then its error.
With --async what becomes of the event is set by: cloister function async`;

/** `cloister invoke`: invokes a function and prints its answer. */
export function registerInvoke(program: Command): void {
  program
    .command('invoke')
    .summary('invoke a function')
    .description('Invokes a function, waits for it and prints its answer.')
    .argument('<name>', 'name or ARN of the function')
    .option('--payload <json>', 'the event: JSON, @FILE, or - for standard input', '{}')
    .option('--qualifier <version>', 'the version or alias to invoke (default: $LATEST)')
    .option('--log', 'show the last 4 KiB of its log')
    .option('--async', 'hand the event over and do not wait: it is tried up to three times')
    .addHelpText('after', help)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<InvokeOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const payload = await readPayload(options.payload, 'invoke');
      const startedMs = performance.now();
      const answer = await client.send(
        new InvokeCommand({
          FunctionName: name,
          Payload: payload,
          ...(options.qualifier === undefined ? {} : { Qualifier: options.qualifier }),
          ...(options.async === true ? { InvocationType: 'Event' as const } : {}),
          ...(options.log === true ? { LogType: 'Tail' as const } : {}),
        }),
      );
      if (options.async === true) {
        reportAccepted(answer, options.json === true);
        return;
      }
      const durationMs = Math.round((performance.now() - startedMs) * 100) / 100;
      report(answer, durationMs, options.json === true);
    });
}

function reportAccepted({ StatusCode, $metadata: { requestId } }: InvokeCommandOutput, json: boolean): void {
  if (json) printJson({ statusCode: StatusCode, requestId });
  else print(`accepted as ${requestId}`);
}

function report(answer: InvokeCommandOutput, durationMs: number, json: boolean): void {
  const body = Buffer.from(answer.Payload ?? []).toString('utf8');
  const log = answer.LogResult === undefined ? undefined : Buffer.from(answer.LogResult, 'base64').toString('utf8');
  if (json) {
    printJson({
      statusCode: answer.StatusCode,
      ...(answer.FunctionError === undefined ? {} : { functionError: answer.FunctionError }),
      executedVersion: answer.ExecutedVersion,
      requestId: answer.$metadata.requestId,
      durationMs,
      payload: jsonOrText(body),
      ...(log === undefined ? {} : { log }),
    });
  } else {
    if (log !== undefined) note(log.trimEnd());
    print(body);
  }
  if (answer.FunctionError === undefined) return;
  if (!json) note(`cloister: the function failed (${answer.FunctionError})`);
  process.exitCode = exitStatus.failed;
}

function jsonOrText(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
