import {
  type Architecture,
  DeleteLayerVersionCommand,
  GetLayerVersionCommand,
  type LayersListItem,
  type LayerVersionsListItem,
  PublishLayerVersionCommand,
  paginateListLayers,
  paginateListLayerVersions,
  type Runtime,
} from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { showAnswer } from '../lambda-answer.ts';
import { lambdaClient } from '../lambda-client.ts';
import { type LayerVersionName, layerVersion } from '../layer-reference.ts';
import { repeated } from '../option-values.ts';
import { print, printJson, printTable } from '../output.ts';
import { readArchive } from '../zip-directory.ts';
import { registerLayerPermission } from './layer-permission.ts';

interface PublishOptions {
  readonly name: string;
  readonly description?: string;
  readonly license?: string;
  readonly runtime?: readonly string[];
  readonly architecture?: readonly string[];
}

const publishHelp = `
Examples:
  $ cloister layer publish ./layer --name greeting
  $ cloister layer publish layer.zip --name greeting --runtime nodejs24.x --runtime nodejs22.x --json

Its files appear below /opt: modules for Node belong in nodejs/node_modules, for Python in python, programs in bin, libraries in lib.
Use it with: cloister deploy … --layer ARN`;
const listHelp = `
Examples:
  $ cloister layer list                            # each with its latest version
  $ cloister layer list --runtime python3.13`;
const versionsHelp = `
Examples:
  $ cloister layer versions greeting`;
const showHelp = `
Examples:
  $ cloister layer show greeting:3
  $ cloister layer show greeting:3 --json | jq -r .Content.Location | xargs curl -o greeting.zip`;
const deleteHelp = `
Examples:
  $ cloister layer delete greeting:3

Functions that use it go on with it; nobody else can begin to.`;

/** `cloister layer` with its sub-commands. */
export function registerLayer(program: Command): void {
  const group = program
    .command('layer')
    .summary('layers: publish, list, versions, show, delete, permission')
    .description('Files that several functions have in common, laid below /opt.');
  registerPublish(group);
  registerList(group);
  registerVersions(group);
  registerShow(group);
  registerDelete(group);
  registerLayerPermission(group);
}

function registerPublish(group: Command): void {
  group
    .command('publish')
    .description('Makes a new version of a layer from a directory or a zip file.')
    .argument('<dir|zip>', 'the layer’s files')
    .requiredOption('--name <name>', 'the layer’s name')
    .option('--description <text>', 'what is in it')
    .option('--license <text>', 'its licence: an identifier of SPDX, an address or the text')
    .option('--runtime <name>', 'a runtime it is for; repeat it for more', repeated)
    .option('--architecture <name>', 'an architecture it is for: x86_64 or arm64; repeat it for both', repeated)
    .addHelpText('after', publishHelp)
    .action(async (path: string, _options, command: Command) => {
      const options = optionsOf<PublishOptions>(command);
      const client = lambdaClient(locateDaemon(options));
      const answer = await client.send(
        new PublishLayerVersionCommand({
          LayerName: options.name,
          Content: { ZipFile: await readArchive(path) },
          ...(options.description === undefined ? {} : { Description: options.description }),
          ...(options.license === undefined ? {} : { LicenseInfo: options.license }),
          ...(options.runtime === undefined ? {} : { CompatibleRuntimes: options.runtime as Runtime[] }),
          ...(options.architecture === undefined ? {} : { CompatibleArchitectures: options.architecture as Architecture[] }),
        }),
      );
      showAnswer(answer, { json: options.json, title: `${options.name}:${answer.Version} published` });
    });
}

function registerList(group: Command): void {
  group
    .command('list')
    .description('Lists the layers of the account, each with its latest version.')
    .option('--runtime <name>', 'only those for this runtime')
    .addHelpText('after', listHelp)
    .action(async (_options, command: Command) => {
      const options = optionsOf<{ readonly runtime?: string }>(command);
      const which = options.runtime === undefined ? {} : { CompatibleRuntime: options.runtime as Runtime };
      const layers: LayersListItem[] = [];
      for await (const page of paginateListLayers({ client: lambdaClient(locateDaemon(options)) }, which)) layers.push(...(page.Layers ?? []));
      if (options.json === true) {
        printJson(layers);
        return;
      }
      const rows = layers.map((each) => [each.LayerName ?? '', ...versionRow(each.LatestMatchingVersion ?? {})]);
      printTable(['NAME', ...versionHeading], rows, 'no layers yet; publish one with: cloister layer publish');
    });
}

function registerVersions(group: Command): void {
  group
    .command('versions')
    .description('Lists the versions of a layer, the newest first.')
    .argument('<name>', 'name or ARN of the layer')
    .addHelpText('after', versionsHelp)
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf(command);
      const versions: LayerVersionsListItem[] = [];
      const pages = paginateListLayerVersions({ client: lambdaClient(locateDaemon(options)) }, { LayerName: name });
      for await (const page of pages) versions.push(...(page.LayerVersions ?? []));
      if (options.json === true) printJson(versions);
      else printTable(versionHeading, versions.map(versionRow), `there is no version of a layer ${name}`);
    });
}

function registerShow(group: Command): void {
  group
    .command('show')
    .description('Shows one version of a layer, and where its archive can be had.')
    .argument('<layer>', 'NAME:VERSION, or the ARN of a layer version', layerVersion)
    .addHelpText('after', showHelp)
    .action(async (layer: LayerVersionName, _options, command: Command) => {
      const options = optionsOf(command);
      const answer = await lambdaClient(locateDaemon(options)).send(new GetLayerVersionCommand(layer));
      showAnswer(answer, { json: options.json, title: `${layer.LayerName}:${layer.VersionNumber}` });
    });
}

function registerDelete(group: Command): void {
  group
    .command('delete')
    .description('Deletes one version of a layer.')
    .argument('<layer>', 'NAME:VERSION, or the ARN of a layer version', layerVersion)
    .addHelpText('after', deleteHelp)
    .action(async (layer: LayerVersionName, _options, command: Command) => {
      const options = optionsOf(command);
      await lambdaClient(locateDaemon(options)).send(new DeleteLayerVersionCommand(layer));
      if (options.json === true) printJson({ deleted: layer.LayerName, version: layer.VersionNumber });
      else print(`deleted ${layer.LayerName}:${layer.VersionNumber}`);
    });
}

const versionHeading = ['VERSION', 'CREATED', 'RUNTIMES', 'DESCRIPTION'] as const;

function versionRow({ Version, CreatedDate, CompatibleRuntimes, Description }: LayerVersionsListItem): string[] {
  return [String(Version ?? ''), CreatedDate ?? '', (CompatibleRuntimes ?? []).join(', '), Description ?? ''];
}
