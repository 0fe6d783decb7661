import { GetFunctionConfigurationCommand, ListTagsCommand, TagResourceCommand, UntagResourceCommand } from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { lambdaClient } from '../lambda-client.ts';
import { repeated, variable } from '../option-values.ts';
import { printJson, printTable } from '../output.ts';

const help = `
Examples:
  $ cloister function tag hello                        # its tags
  $ cloister function tag hello team=shop stage=test
  $ cloister function tag hello --remove stage`;

/** `cloister function tag`: shows, sets and removes tags. */
export function registerFunctionTag(group: Command): void {
  group
    .command('tag')
    .description('Shows, sets and removes the tags of a function.')
    .argument('<name>', 'name or ARN of the function')
    .argument('[key=value...]', 'tags to set')
    .option('--remove <key>', 'a tag to remove; repeat it for more', repeated)
    .addHelpText('after', help)
    .action(async (name: string, pairs: readonly string[], _options, command: Command) => {
      const options = optionsOf<{ readonly remove?: readonly string[] }>(command);
      const client = lambdaClient(locateDaemon(options));
      const tags = pairs.reduce<Readonly<Record<string, string>>>((earlier, pair) => variable(pair, earlier), {});
      // Tags belong to the function, and Lambda wants its ARN for them.
      const { FunctionArn: Resource } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
      if (options.remove !== undefined) await client.send(new UntagResourceCommand({ Resource, TagKeys: [...options.remove] }));
      if (pairs.length > 0) await client.send(new TagResourceCommand({ Resource, Tags: tags }));
      const { Tags = {} } = await client.send(new ListTagsCommand({ Resource }));
      if (options.json === true) printJson(Tags);
      else printTable(['KEY', 'VALUE'], Object.entries(Tags), `${name} has no tags`);
    });
}
