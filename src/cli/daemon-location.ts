import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CloisterError } from '../errors.ts';
import { type AccessKey, profileOf, readCredentials } from './credentials-file.ts';

export const defaultDataDirectory = '/var/lib/cloister';
const defaultRegion = 'us-east-1';

/** What the agent writes to endpoint.json once its daemon serves. */
export interface EndpointFile {
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly pid: number;
  readonly daemonPid: number;
}

/** Where a daemon answers and as whom to speak to it. */
export interface DaemonLocation {
  readonly endpoint: string;
  readonly region: string;
  /** Unknown when only an endpoint and keys were given. */
  readonly accountId: string | undefined;
  readonly credentials: AccessKey;
}

export interface LocationOptions {
  readonly dataDir?: string | undefined;
  /** Act as this account, with its profile of the credentials file. @default the first account */
  readonly account?: string | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** The data directory that a command means: --data-dir, else CLOISTER_DATA_DIR, else the default. */
export function dataDirectoryOf(options: LocationOptions, environment: Variables = process.env): string {
  return resolve(options.dataDir ?? (environment['CLOISTER_DATA_DIR'] || defaultDataDirectory));
}

/** Finds the daemon: --data-dir first, then CLOISTER_ENDPOINT, then CLOISTER_DATA_DIR, then the default data directory. */
export function locateDaemon(options: LocationOptions, environment: Variables = process.env): DaemonLocation {
  const endpoint = environment['CLOISTER_ENDPOINT'];
  const dataDirectory = dataDirectoryOf(options, environment);
  if (options.dataDir === undefined && endpoint !== undefined && endpoint !== '')
    return locateByEndpoint(endpoint, dataDirectory, options, environment);
  const file = readEndpointFile(dataDirectory);
  if (file === undefined) {
    throw new CloisterError('AgentGone', `no daemon runs on ${dataDirectory}; start one with: cloister up --data-dir ${dataDirectory}`, {
      operation: 'find the daemon',
      path: dataDirectory,
    });
  }
  const accountId = options.account ?? file.accountId;
  return { endpoint: file.endpoint, region: file.region, accountId, credentials: keysOf(dataDirectory, accountId, file.accountId) };
}

/** endpoint.json of a data directory, or undefined when no daemon wrote one. */
export function readEndpointFile(dataDirectory: string): EndpointFile | undefined {
  const path = join(dataDirectory, 'endpoint.json');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as EndpointFile;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CloisterError('Internal', `endpoint.json could not be read: ${(cause as Error).message}`, {
      operation: 'find the daemon',
      path,
      cause,
    });
  }
}

function locateByEndpoint(endpoint: string, dataDirectory: string, options: LocationOptions, environment: Variables): DaemonLocation {
  const region = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || defaultRegion;
  const accessKeyId = environment['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'];
  if (options.account === undefined && accessKeyId && secretAccessKey) {
    return { endpoint, region, accountId: undefined, credentials: { accessKeyId, secretAccessKey } };
  }
  const file = readEndpointFile(dataDirectory);
  const accountId = options.account ?? file?.accountId;
  return { endpoint, region, accountId, credentials: keysOf(dataDirectory, accountId, file?.accountId) };
}

function keysOf(dataDirectory: string, accountId: string | undefined, firstAccountId: string | undefined): AccessKey {
  const path = join(dataDirectory, 'credentials');
  const profiles = readCredentials(path);
  const key =
    (accountId === undefined ? undefined : profiles.get(profileOf(accountId))) ??
    (accountId === firstAccountId ? profiles.get('default') : undefined);
  if (key !== undefined) return key;
  throw new CloisterError(
    'NotFound',
    `there are no keys of account ${accountId}; make some with: cloister credentials create --account ${accountId}`,
    {
      operation: 'find credentials',
      path,
    },
  );
}
