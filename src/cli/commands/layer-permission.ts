import {
  AddLayerVersionPermissionCommand,
  GetLayerVersionCommand,
  GetLayerVersionPolicyCommand,
  RemoveLayerVersionPermissionCommand,
} from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { type LayerVersionName, layerVersion } from '../layer-reference.ts';
import { orNone } from '../or-none.ts';
import { print, printJson } from '../output.ts';
import { showPolicy } from '../policy-table.ts';

const listHelp = `
Examples:
  $ cloister layer permission list greeting:3`;
const addHelp = `
Examples:
  $ cloister layer permission add greeting:3 shop --principal 210987654321    # functions of that account may use it
  $ cloister layer permission add greeting:3 all --principal "*"              # those of every account`;
const removeHelp = `
Examples:
  $ cloister layer permission remove greeting:3 shop`;

/** `cloister layer permission`: who else may use a version of a layer. */
export function registerLayerPermission(group: Command): void {
  const permissions = group.command('permission').description('Lists, adds and removes the permissions of other accounts for a version of a layer.');
  permissionCommand(permissions, 'list', 'Shows who may use a version of a layer.')
    .addHelpText('after', listHelp)
    .action(async (layer: LayerVersionName, _options, command: Command) => {
      const options = optionsOf(command);
      const client = lambdaClient(locateDaemon(options));
      const policy = client.send(new GetLayerVersionPolicyCommand(layer));
      const answer = await orNone(policy, () => client.send(new GetLayerVersionCommand(layer)));
      showPolicy(answer?.Policy, { json: options.json, owner: nameOf(layer) });
    });
  permissionCommand(permissions, 'add', 'Lets functions of another account use a version of a layer.')
    .argument('<id>', 'what the permission is to be known by')
    .requiredOption('--principal <who>', 'an account, or "*" for all')
    .option('--organization <id>', 'with "*": only accounts of this organization')
    .addHelpText('after', addHelp)
    .action(async (layer: LayerVersionName, id: string, _options, command: Command) => {
      const options = optionsOf<{ readonly principal: string; readonly organization?: string }>(command);
      const { Statement = '{}' } = await lambdaClient(locateDaemon(options)).send(
        new AddLayerVersionPermissionCommand({
          ...layer,
          StatementId: id,
          Action: 'lambda:GetLayerVersion',
          Principal: options.principal,
          ...(options.organization === undefined ? {} : { OrganizationId: options.organization }),
        }),
      );
      if (options.json === true) printJson(JSON.parse(Statement));
      else print(`${options.principal} may use ${nameOf(layer)} (${id})`);
    });
  permissionCommand(permissions, 'remove', 'Takes a permission back.')
    .argument('<id>', 'the permission’s id')
    .addHelpText('after', removeHelp)
    .action(async (layer: LayerVersionName, id: string, _options, command: Command) => {
      const options = optionsOf(command);
      await lambdaClient(locateDaemon(options)).send(new RemoveLayerVersionPermissionCommand({ ...layer, StatementId: id }));
      if (options.json === true) printJson({ removed: id });
      else print(`removed ${id} from ${nameOf(layer)}`);
    });
}

function permissionCommand(group: Command, verb: string, description: string): Command {
  return group.command(verb).description(description).argument('<layer>', 'NAME:VERSION, or the ARN of a layer version', layerVersion);
}

function nameOf({ LayerName, VersionNumber }: LayerVersionName): string {
  return `${LayerName}:${VersionNumber}`;
}
