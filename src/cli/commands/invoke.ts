import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { InvokeCommand, type InvokeCommandOutput } from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { locateDaemon } from '../daemon-location.ts';
import { exitStatus } from '../exit-status.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { note, print, printJson } from '../output.ts';

interface InvokeOptions {
  readonly payload: string;
  readonly qualifier?: string;
  readonly log?: boolean;
}

const help = `
Examples:
  $ cloister invoke hello
  $ cloister invoke hello --payload '{"who":"you"}'
  $ cloister invoke hello --payload @event.json --log     # the end of its log on standard error
  $ cat event.json | cloister invoke hello --payload -
  $ cloister invoke hello --qualifier 3 --json            # {"statusCode","functionError","executedVersion","requestId","durationMs","payload","log"}

Prints what the function answered. Exit status 1 when the function failed: the answer is then its error.`;

/** `cloister invoke`: invokes a function and prints its answer. */
export function registerInvoke(program: Command): void {
  program
    .command('invoke')
    .summary('invoke a function')
    .description('Invokes a function, waits for it and prints its answer.')
    .argument('<name>', 'name or ARN of the function')
    .option('--payload <json>', 'the event: JSON, @FILE, or - for standard input', '{}')
    .option('--qualifier <version>', 'the version to invoke (default: $LATEST)')
    .option('--log', 'show the last 4 KiB of its log')
    .addHelpText('after', help)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<InvokeOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const payload = await readPayload(options.payload);
      const startedMs = performance.now();
      const answer = await client.send(
        new InvokeCommand({
          FunctionName: name,
          Payload: payload,
          ...(options.qualifier === undefined ? {} : { Qualifier: options.qualifier }),
          ...(options.log === true ? { LogType: 'Tail' as const } : {}),
        }),
      );
      const durationMs = Math.round((performance.now() - startedMs) * 100) / 100;
      report(answer, durationMs, options.json === true);
    });
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

async function readPayload(argument: string): Promise<Buffer> {
  if (argument === '-') return Buffer.from(await text(process.stdin));
  if (!argument.startsWith('@')) return Buffer.from(argument);
  const path = argument.slice(1);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CloisterError('BadMessage', `the payload could not be read: ${(cause as Error).message}`, { operation: 'invoke', path, cause });
  }
}

function jsonOrText(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
