import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withProfile } from './credentials-file.ts';
import { dataDirectoryOf, locateDaemon } from './daemon-location.ts';

const first = { accessKeyId: 'AKIAFIRST', secretAccessKey: 'one' };
const tenant = { accessKeyId: 'AKIATENANT', secretAccessKey: 'two' };
let root: string;

function makeDataDirectory(name: string, port: number): string {
  const directory = join(root, name);
  mkdirSync(directory);
  const endpoint = { endpoint: `http://127.0.0.1:${port}`, region: 'eu-west-1', accountId: '123456789012', pid: 1, daemonPid: 2 };
  writeFileSync(join(directory, 'endpoint.json'), JSON.stringify(endpoint));
  writeFileSync(join(directory, 'credentials'), withProfile(withProfile('', 'default', first), 'account-210987654321', tenant));
  return directory;
}

describe('locateDaemon()', () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cloister-location-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('takes endpoint, region and the first account from the data directory', () => {
    const dataDir = makeDataDirectory('a', 1);
    expect(locateDaemon({ dataDir }, {})).toEqual({
      endpoint: 'http://127.0.0.1:1',
      region: 'eu-west-1',
      accountId: '123456789012',
      credentials: first,
    });
  });

  it('acts as the account that is asked for', () => {
    const dataDir = makeDataDirectory('a', 1);
    expect(locateDaemon({ dataDir, account: '210987654321' }, {}).credentials).toEqual(tenant);
  });

  it('refuses an account without keys', () => {
    const dataDir = makeDataDirectory('a', 1);
    expect(() => locateDaemon({ dataDir, account: '000000000000' }, {})).toThrow(/no keys of account 000000000000/);
  });

  it('prefers --data-dir to CLOISTER_ENDPOINT, and that to CLOISTER_DATA_DIR', () => {
    const a = makeDataDirectory('a', 1);
    const b = makeDataDirectory('b', 2);
    const keys = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' };
    const environment = { CLOISTER_ENDPOINT: 'http://127.0.0.1:3', CLOISTER_DATA_DIR: b, ...keys };
    expect(locateDaemon({ dataDir: a }, environment).endpoint).toBe('http://127.0.0.1:1');
    expect(locateDaemon({}, environment)).toMatchObject({ endpoint: 'http://127.0.0.1:3', credentials: { accessKeyId: 'x', secretAccessKey: 'y' } });
    expect(locateDaemon({}, { CLOISTER_DATA_DIR: b, ...keys })).toMatchObject({ endpoint: 'http://127.0.0.1:2', credentials: first });
  });

  it('uses the keys of the data directory for an endpoint given without keys', () => {
    const dataDir = makeDataDirectory('a', 1);
    expect(locateDaemon({}, { CLOISTER_ENDPOINT: 'http://127.0.0.1:3', CLOISTER_DATA_DIR: dataDir }).credentials).toEqual(first);
  });

  it('says how to start a daemon when none runs', () => {
    expect(() => locateDaemon({ dataDir: join(root, 'none') }, {})).toThrow(/no daemon runs on .*cloister up/);
  });
});

describe('dataDirectoryOf()', () => {
  it('is /var/lib/cloister unless told', () => {
    expect(dataDirectoryOf({}, {})).toBe('/var/lib/cloister');
    expect(dataDirectoryOf({}, { CLOISTER_DATA_DIR: '' })).toBe('/var/lib/cloister');
  });
});
