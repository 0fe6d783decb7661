import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { AdminClient } from '../admin-client.ts';
import { profileOf, readCredentials, storeProfile } from '../credentials-file.ts';
import { type DaemonLocation, dataDirectoryOf, locateDaemon } from '../daemon-location.ts';
import { type GlobalOptions, optionsOf } from '../global-options.ts';
import { note, print, printJson, printTable } from '../output.ts';

interface CreatedKey {
  readonly accountId: string;
  readonly userName?: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const help = `
Examples:
  $ cloister credentials                           # the profiles of the data directory, without secrets
  $ eval "$(cloister credentials env)"             # from here on every AWS tool speaks to Cloister
  $ cloister credentials create --account 210987654321

The file <data-dir>/credentials has AWS's own format: AWS_SHARED_CREDENTIALS_FILE may point to it.`;
const envHelp = `
Examples:
  $ eval "$(cloister credentials env)"
  $ aws lambda list-functions
  $ eval "$(cloister credentials env --account 210987654321)"`;
const createHelp = `
Examples:
  $ cloister credentials create --account 210987654321
  $ cloister credentials create --account 210987654321 --json    # {"accountId","accessKeyId","secretAccessKey"}
  $ cloister credentials create --account 210987654321 --user ann   # arn:aws:iam::210987654321:user/ann in policies

Makes an access key, and the account when it is new, and keeps it as the profile account-ID of <data-dir>/credentials; that of a user as account-ID-user-NAME.`;

/** `cloister credentials`, `credentials env` and `credentials create`. */
export function registerCredentials(program: Command): void {
  const group = program
    .command('credentials')
    .summary('access keys: show, export to the shell, make for further accounts')
    .description('Shows the access keys that the data directory keeps, without their secrets.')
    .addHelpText('after', help)
    .action((_options, command: Command) => list(optionsOf(command)));
  group
    .command('env')
    .description('Prints shell commands that make every AWS tool of this shell speak to Cloister.')
    .addHelpText('after', envHelp)
    .action((_options, command: Command) => {
      const options = optionsOf(command);
      const variables = variablesOf(locateDaemon(options));
      if (options.json === true) {
        printJson(variables);
        return;
      }
      // A session token or profile of before would go with the new keys and spoil them.
      print('unset AWS_SESSION_TOKEN AWS_PROFILE');
      print(...Object.entries(variables).map(([name, value]) => `export ${name}=${shellQuoted(value)}`));
    });
  group
    .command('create')
    .description('Makes an access key for an account, and the account when it is new.')
    .option('--user <name>', 'the key is of this user of the account: policies can allow it apart from the account')
    .addHelpText('after', createHelp)
    .action(({ user }: { readonly user?: string }, command: Command) => create(optionsOf(command), user));
}

function list(options: GlobalOptions): void {
  const path = join(dataDirectoryOf(options), 'credentials');
  const keys = [...readCredentials(path)].map(([profile, key]) => ({ profile, accessKeyId: key.accessKeyId }));
  if (options.json === true) printJson(keys);
  else {
    printTable(
      ['PROFILE', 'ACCESS KEY'],
      keys.map(({ profile, accessKeyId }) => [profile, accessKeyId]),
      'no keys yet; "cloister up" makes the first',
    );
    note(`kept in ${path}`);
  }
}

function variablesOf({ endpoint, region, credentials }: DaemonLocation): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_LAMBDA: endpoint,
    AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
}

async function create(options: GlobalOptions, userName: string | undefined): Promise<void> {
  const { account, ...first } = options;
  if (account === undefined) {
    throw new CloisterError('BadMessage', '--account ID is needed: the twelve digits of the account to make a key for', {
      operation: 'credentials create',
    });
  }
  // The first account's key asks: the new account has none yet.
  const key = (await new AdminClient(locateDaemon(first)).post('credentials', { accountId: account, userName })) as CreatedKey;
  const { accountId, accessKeyId, secretAccessKey } = key;
  const profile = userName === undefined ? profileOf(accountId) : `${profileOf(accountId)}-user-${userName}`;
  const dataDirectory = dataDirectoryOf(options);
  const kept = existsSync(dataDirectory);
  if (kept) storeProfile(join(dataDirectory, 'credentials'), profile, { accessKeyId, secretAccessKey });
  else note(`${dataDirectory} is not on this host: note the secret, it is not kept here`);
  if (options.json === true) {
    printJson(key);
    return;
  }
  print(`account ${accountId}: access key ${accessKeyId}`);
  if (kept && userName !== undefined) print(`kept as profile ${profile} of ${join(dataDirectory, 'credentials')}`);
  else if (kept) print(`kept as profile ${profile}; use it with: eval "$(cloister credentials env --account ${accountId})"`);
  else print(`secret access key ${secretAccessKey}`);
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
