import {
  AddPermissionCommand,
  FunctionUrlAuthType,
  GetFunctionConfigurationCommand,
  GetPolicyCommand,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import { type Command, Option } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { orNone } from '../or-none.ts';
import { print, printJson } from '../output.ts';
import { showPolicy } from '../policy-table.ts';
import { type QualifierOptions, qualified, qualifierOf } from '../qualifier.ts';

interface AddOptions extends QualifierOptions {
  readonly principal: string;
  readonly action: string;
  readonly sourceArn?: string;
  readonly sourceAccount?: string;
  readonly organization?: string;
  readonly urlAuth?: FunctionUrlAuthType;
}

const listHelp = `
Examples:
  $ cloister function permission list hello
  $ cloister function permission list hello --json        # the policy as Lambda keeps it`;
const addHelp = `
Examples:
  $ cloister function permission add hello shop --principal 210987654321                    # that account may invoke it
  $ cloister function permission add hello shop --principal 210987654321 --qualifier live   # this alias of it only
  $ cloister function permission add hello bucket --principal s3.amazonaws.com --source-arn arn:aws:s3:::photos

The account's own keys need no permission. A permission is known by its id, which removes it again.`;
const removeHelp = `
Examples:
  $ cloister function permission remove hello shop`;

/** `cloister function permission`: who else may use a function. */
export function registerFunctionPermission(group: Command): void {
  const permissions = group
    .command('permission')
    .description('Lists, adds and removes the permissions of other accounts and services for a function.');
  permissions
    .command('list')
    .description('Shows who may use a function, or a version or alias of it.')
    .argument('<name>', 'name or ARN of the function')
    .option('--qualifier <version>', 'the policy of this version or alias')
    .addHelpText('after', listHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<QualifierOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const which = { FunctionName: name, ...qualifierOf(options) };
      const answer = await orNone(client.send(new GetPolicyCommand(which)), () => client.send(new GetFunctionConfigurationCommand(which)));
      showPolicy(answer?.Policy, { json: options.json, owner: qualified(name, options) });
    });
  registerAdd(permissions);
  registerRemove(permissions);
}

function registerAdd(permissions: Command): void {
  permissions
    .command('add')
    .description('Lets another account or a service use a function.')
    .argument('<name>', 'name or ARN of the function')
    .argument('<id>', 'what the permission is to be known by')
    .requiredOption('--principal <who>', 'an account, an ARN, a service such as s3.amazonaws.com, or "*"')
    .option('--action <action>', 'what it may do', 'lambda:InvokeFunction')
    .option('--qualifier <version>', 'only this version or alias')
    .option('--source-arn <arn>', 'only on behalf of this resource')
    .option('--source-account <id>', 'only on behalf of this account')
    .option('--organization <id>', 'only principals of this organization')
    .addOption(
      new Option('--url-auth <type>', 'with lambda:InvokeFunctionUrl: only through a URL of this kind').choices(Object.keys(FunctionUrlAuthType)),
    )
    .addHelpText('after', addHelp)
    .action(async (name: string, id: string, _options, command: Command) => {
      const options = optionsOf<AddOptions>(command);
      const { Statement = '{}' } = await lambdaClient(locateDaemon(options)).send(
        new AddPermissionCommand({
          FunctionName: name,
          StatementId: id,
          Action: options.action,
          Principal: options.principal,
          ...qualifierOf(options),
          ...(options.sourceArn === undefined ? {} : { SourceArn: options.sourceArn }),
          ...(options.sourceAccount === undefined ? {} : { SourceAccount: options.sourceAccount }),
          ...(options.organization === undefined ? {} : { PrincipalOrgID: options.organization }),
          ...(options.urlAuth === undefined ? {} : { FunctionUrlAuthType: options.urlAuth }),
        }),
      );
      if (options.json === true) printJson(JSON.parse(Statement));
      else print(`${options.principal} may ${options.action} on ${qualified(name, options)} (${id})`);
    });
}

function registerRemove(permissions: Command): void {
  permissions
    .command('remove')
    .description('Takes a permission back.')
    .argument('<name>', 'name or ARN of the function')
    .argument('<id>', 'the permission’s id')
    .option('--qualifier <version>', 'of this version or alias')
    .addHelpText('after', removeHelp)
    .action(async (name: string, id: string, _options, command: Command) => {
      const options = optionsOf<QualifierOptions>(command);
      await lambdaClient(locateDaemon(options)).send(new RemovePermissionCommand({ FunctionName: name, StatementId: id, ...qualifierOf(options) }));
      if (options.json === true) printJson({ removed: id });
      else print(`removed ${id} from ${qualified(name, options)}`);
    });
}
