import { type Environment, GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { locateDaemon } from '../daemon-location.ts';
import { addSettingOptions, changeSettings, type SettingOptions, settingsOf } from '../function-settings.ts';
import { optionsOf } from '../global-options.ts';
import { showAnswer } from '../lambda-answer.ts';
import { lambdaClient } from '../lambda-client.ts';
import { repeated, variable } from '../option-values.ts';

interface UpdateOptions extends SettingOptions {
  readonly setEnv?: Readonly<Record<string, string>>;
  readonly unsetEnv?: readonly string[];
  readonly layers: boolean;
}

const help = `
Examples:
  $ cloister function update hello --memory 512 --timeout 30
  $ cloister function update hello --set-env DEBUG=1 --unset-env STAGE    # the other variables stay
  $ cloister function update hello --env STAGE=test                       # this one variable and no other
  $ cloister function update hello --no-layers

Settings that are not named stay as they are. New code: cloister deploy. It returns when the change is through.`;

/** `cloister function update`: changes settings of a function. */
export function registerFunctionUpdate(group: Command): void {
  const command = group
    .command('update')
    .description('Changes settings of a function and prints its configuration.')
    .argument('<name>', 'name or ARN of the function');
  addSettingOptions(command)
    .option('--set-env <name=value>', 'sets one environment variable and leaves the others; repeat it for more', variable)
    .option('--unset-env <name>', 'removes one environment variable; repeat it for more', repeated)
    .option('--no-layers', 'remove all layers')
    .addHelpText('after', help)
    .action(async (name: string, _options, self: Command) => {
      const options = optionsOf<UpdateOptions>(self);
      const client = lambdaClient(locateDaemon(options));
      const changes = { ...settingsOf(options), ...(options.layers ? {} : { Layers: [] }), ...(await variablesOf(client, name, options)) };
      if (Object.keys(changes).length === 0) throw usage('nothing to change: name a setting, see cloister function update --help');
      showAnswer(await changeSettings(client, name, changes), { json: options.json, title: `${name} updated` });
    });
}

/** Variables are changed as a whole: what stays is read first, and the revision says that nobody changed it meanwhile. */
async function variablesOf(client: LambdaClient, name: string, options: UpdateOptions) {
  const { env, setEnv, unsetEnv } = options;
  if (setEnv === undefined && unsetEnv === undefined) return {};
  if (env !== undefined) throw usage('--env replaces all variables: use either it, or --set-env and --unset-env');
  const { Environment, RevisionId } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  const variables: Environment['Variables'] = { ...Environment?.Variables, ...setEnv };
  for (const each of unsetEnv ?? []) delete variables[each];
  return { Environment: { Variables: variables }, RevisionId };
}

function usage(message: string): CloisterError {
  return new CloisterError('BadMessage', message, { operation: 'function update' });
}
