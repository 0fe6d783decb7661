import {
  type Cors,
  CreateFunctionUrlConfigCommand,
  DeleteFunctionUrlConfigCommand,
  type FunctionUrlAuthType,
  type FunctionUrlConfig,
  GetFunctionUrlConfigCommand,
  type InvokeMode,
  paginateListFunctionUrlConfigs,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda';
import { type Command, Option } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { showAnswer } from '../lambda-answer.ts';
import { lambdaClient } from '../lambda-client.ts';
import { repeated, wholeNumber } from '../option-values.ts';
import { print, printJson, printTable } from '../output.ts';
import { grantPublicAccess, revokePublicAccess } from '../public-url-access.ts';
import { type QualifierOptions, qualified, qualifierOf } from '../qualifier.ts';
import { registerUrlCall } from './url-call.ts';

interface UrlOptions extends QualifierOptions {
  readonly auth?: 'none' | 'iam';
  readonly stream?: boolean;
  readonly corsOrigin?: readonly string[];
  readonly corsMethod?: readonly string[];
  readonly corsHeader?: readonly string[];
  readonly corsExpose?: readonly string[];
  readonly corsMaxAge?: number;
  readonly corsCredentials?: boolean;
  readonly cors?: boolean;
}

const authTypes: Readonly<Record<'none' | 'iam', FunctionUrlAuthType>> = { none: 'NONE', iam: 'AWS_IAM' };
const createHelp = `
Examples:
  $ cloister url create hello                      # only signed requests of this account, and of others that are permitted
  $ cloister url create hello --auth none          # everybody: adds the two permissions that Lambda asks for
  $ cloister url create hello --qualifier live     # for an alias
  $ cloister url create hello --auth none --cors-origin https://example.org --cors-method GET

Try it: cloister url call hello`;
const updateHelp = `
Examples:
  $ cloister url update hello --auth iam
  $ cloister url update hello --cors-origin '*' --cors-method '*'
  $ cloister url update hello --no-cors`;
const showHelp = `
Examples:
  $ cloister url show hello
  $ cloister url show hello --json | jq -r .FunctionUrl`;
const listHelp = `
Examples:
  $ cloister url list hello      # of the function and of its aliases`;
const deleteHelp = `
Examples:
  $ cloister url delete hello

What "url create --auth none" permitted is taken back as well.`;

/** `cloister url` with its sub-commands. */
export function registerUrl(program: Command): void {
  const group = program
    .command('url')
    .summary('function URLs: create, show, update, list, delete, call')
    .description('Addresses at which functions answer HTTP requests.');
  registerCreate(group);
  registerShow(group);
  registerUpdate(group);
  registerList(group);
  registerDelete(group);
  registerUrlCall(group);
}

function registerCreate(group: Command): void {
  addUrlOptions(urlCommand(group, 'create', 'Gives a function, or an alias of it, a URL.'))
    .addHelpText('after', createHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<UrlOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const owner = { FunctionName: name, ...qualifierOf(options) };
      const answer = await client.send(
        new CreateFunctionUrlConfigCommand({ ...owner, AuthType: authTypes[options.auth ?? 'iam'], ...changesOf(options) }),
      );
      if (options.auth === 'none') await grantPublicAccess(client, owner);
      showAnswer(answer, { json: options.json, title: `${qualified(name, options)} answers at ${answer.FunctionUrl}` });
    });
}

function registerUpdate(group: Command): void {
  addUrlOptions(urlCommand(group, 'update', 'Changes who may call a URL, and how.'))
    .option('--no-cors', 'no answers to browsers of other origins')
    .addHelpText('after', updateHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<UrlOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const owner = { FunctionName: name, ...qualifierOf(options) };
      const auth = options.auth === undefined ? {} : { AuthType: authTypes[options.auth] };
      // ORDER: who may no longer call is kept out before the URL changes, who may from now on is let in after it.
      if (options.auth === 'iam') await revokePublicAccess(client, owner);
      const answer = await client.send(new UpdateFunctionUrlConfigCommand({ ...owner, ...auth, ...changesOf(options) }));
      if (options.auth === 'none') await grantPublicAccess(client, owner);
      showAnswer(answer, { json: options.json, title: `${qualified(name, options)} updated` });
    });
}

function registerShow(group: Command): void {
  urlCommand(group, 'show', 'Shows the URL of a function, or of an alias of it.')
    .addHelpText('after', showHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<QualifierOptions>(command);
      const answer = await lambdaClient(locateDaemon(options)).send(new GetFunctionUrlConfigCommand({ FunctionName: name, ...qualifierOf(options) }));
      showAnswer(answer, { json: options.json, title: answer.FunctionUrl ?? '' });
    });
}

function registerList(group: Command): void {
  group
    .command('list')
    .description('Lists the URLs of a function and of its aliases.')
    .argument('<name>', 'name or ARN of the function')
    .addHelpText('after', listHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf(command);
      const urls: FunctionUrlConfig[] = [];
      const pages = paginateListFunctionUrlConfigs({ client: lambdaClient(locateDaemon(options)) }, { FunctionName: name });
      for await (const page of pages) urls.push(...(page.FunctionUrlConfigs ?? []));
      if (options.json === true) {
        printJson(urls);
        return;
      }
      const rows = urls.map((each) => [each.FunctionArn ?? '', each.AuthType ?? '', each.FunctionUrl ?? '']);
      printTable(['FUNCTION', 'AUTH', 'URL'], rows, `${name} has no URL`);
    });
}

function registerDelete(group: Command): void {
  urlCommand(group, 'delete', 'Takes the URL of a function, or of an alias of it, away.')
    .addHelpText('after', deleteHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<QualifierOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const owner = { FunctionName: name, ...qualifierOf(options) };
      await client.send(new DeleteFunctionUrlConfigCommand(owner));
      await revokePublicAccess(client, owner);
      if (options.json === true) printJson({ deleted: qualified(name, options) });
      else print(`${qualified(name, options)} has no URL any more`);
    });
}

function urlCommand(group: Command, verb: string, description: string): Command {
  return group
    .command(verb)
    .description(description)
    .argument('<name>', 'name or ARN of the function')
    .option('--qualifier <alias>', 'an alias of the function');
}

function addUrlOptions(command: Command): Command {
  return command
    .addOption(new Option('--auth <type>', 'who may call it: those who sign, or everybody').choices(Object.keys(authTypes)))
    .option('--stream', 'answers are passed on while the function writes them')
    .option('--no-stream', 'answers are passed on once the function is done')
    .option('--cors-origin <origin>', 'an origin whose pages may call it, or "*"; repeat it for more', repeated)
    .option('--cors-method <method>', 'a method they may use, or "*"; repeat it for more', repeated)
    .option('--cors-header <name>', 'a request header they may send; repeat it for more', repeated)
    .option('--cors-expose <name>', 'a response header they may read; repeat it for more', repeated)
    .option('--cors-max-age <seconds>', 'how long a browser may keep that', wholeNumber)
    .option('--cors-credentials', 'they may send cookies');
}

function changesOf(options: UrlOptions): { Cors?: Cors; InvokeMode?: InvokeMode } {
  const cors: Cors = {
    ...(options.corsOrigin === undefined ? {} : { AllowOrigins: [...options.corsOrigin] }),
    ...(options.corsMethod === undefined ? {} : { AllowMethods: [...options.corsMethod] }),
    ...(options.corsHeader === undefined ? {} : { AllowHeaders: [...options.corsHeader] }),
    ...(options.corsExpose === undefined ? {} : { ExposeHeaders: [...options.corsExpose] }),
    ...(options.corsMaxAge === undefined ? {} : { MaxAge: options.corsMaxAge }),
    ...(options.corsCredentials === undefined ? {} : { AllowCredentials: options.corsCredentials }),
  };
  return {
    ...(Object.keys(cors).length > 0 || options.cors === false ? { Cors: cors } : {}),
    ...(options.stream === undefined ? {} : { InvokeMode: options.stream ? 'RESPONSE_STREAM' : 'BUFFERED' }),
  };
}
