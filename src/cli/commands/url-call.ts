import { GetFunctionUrlConfigCommand } from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { callFunctionUrl } from '../call-function-url.ts';
import { locateDaemon } from '../daemon-location.ts';
import { exitStatus } from '../exit-status.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { repeated } from '../option-values.ts';
import { note, printJson } from '../output.ts';
import { type QualifierOptions, qualifierOf } from '../qualifier.ts';
import { readPayload } from '../read-payload.ts';

interface CallOptions extends QualifierOptions {
  readonly method?: string;
  readonly header?: readonly string[];
  readonly data?: string;
}

const help = `
Examples:
  $ cloister url call hello
  $ cloister url call hello '/orders?page=2' --header 'accept: text/html'
  $ cloister url call hello /orders --data '{"item":7}'          # a POST
  $ cloister url call hello /orders/7 --method DELETE --json    # {"statusCode","headers","body"}

The request is signed where the URL asks for it. It goes to the daemon, whatever the URL's name leads to.
Exit status 1 when the function answers with 400 or above.`;

/** `cloister url call`: sends an HTTP request to the URL of a function. */
export function registerUrlCall(group: Command): void {
  group
    .command('call')
    .description('Sends an HTTP request to the URL of a function and prints its answer.')
    .argument('<name>', 'name or ARN of the function')
    .argument('[path]', 'path and query', '/')
    .option('--qualifier <alias>', 'the URL of this alias')
    .option('--method <name>', 'GET unless told, POST with --data')
    .option('--header <name: value>', 'a header of the request; repeat it for more', repeated)
    .option('--data <text>', 'the body: text, @FILE, or - for standard input')
    .addHelpText('after', help)
    .action(async (name: string, path: string, _options, command: Command) => {
      const options = optionsOf<CallOptions>(command);
      const location = locateDaemon(options);
      const { FunctionUrl = '', AuthType } = await lambdaClient(location).send(
        new GetFunctionUrlConfigCommand({ FunctionName: name, ...qualifierOf(options) }),
      );
      const body = options.data === undefined ? undefined : await readPayload(options.data, 'url call');
      const answer = await callFunctionUrl(location, {
        url: new URL(path.replace(/^\/+/, ''), FunctionUrl),
        method: options.method ?? (body === undefined ? 'GET' : 'POST'),
        headers: options.header ?? [],
        body,
        signed: AuthType === 'AWS_IAM',
      });
      if (options.json === true) printJson({ ...answer, body: answer.body.toString('utf8') });
      else process.stdout.write(answer.body);
      if (answer.statusCode < 400) return;
      if (options.json !== true) note(`cloister: the URL answered ${answer.statusCode}`);
      process.exitCode = exitStatus.failed;
    });
}
