import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { awsSettingsOf } from './aws-section.ts';
import { parseHostConfiguration, readHostConfiguration } from './host-configuration.ts';

const keys = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' };
const parse = (aws: unknown) => parseHostConfiguration(JSON.stringify({ aws }), 'config.json').aws;

describe('the aws section', () => {
  it('names endpoints, buckets per account, and takes the daemon’s region unless it has its own', () => {
    const section = parse({ credentials: keys, s3: { endpoint: 'http://127.0.0.1:9000', buckets: { '210987654321': ['code-*'] } } });
    expect(awsSettingsOf(section, 'eu-west-1')).toEqual({
      region: 'eu-west-1',
      credentials: keys,
      s3PathStyle: true,
      s3Buckets: { '210987654321': ['code-*'] },
      endpoints: { s3: 'http://127.0.0.1:9000' },
    });
    expect(awsSettingsOf(parse({ region: 'us-west-2', credentials: keys, sns: { endpoint: 'https://sns.example' } }), 'eu-west-1')).toMatchObject({
      region: 'us-west-2',
    });
  });

  it('gives the daemon nothing, no keys either, when no service has an endpoint', () => {
    expect(awsSettingsOf(parse({ credentials: keys }), 'eu-west-1')).toBeUndefined();
    expect(awsSettingsOf(undefined, 'eu-west-1')).toBeUndefined();
  });

  it.each([
    ['an endpoint without keys', { sqs: { endpoint: 'http://127.0.0.1:9324' } }],
    ['keys given twice', { credentials: keys, credentialsFile: '/root/keys' }],
    ['an endpoint that is no URL', { credentials: keys, sqs: { endpoint: 'localhost:9324' } }],
    ['an endpoint with a user', { credentials: keys, sqs: { endpoint: 'http://me:pass@localhost' } }],
    ['a file as endpoint', { credentials: keys, sqs: { endpoint: 'file:///etc/passwd' } }],
    ['the instance metadata of IPv4', { credentials: keys, s3: { endpoint: 'http://169.254.169.254' } }],
    ['the instance metadata written as one number', { credentials: keys, s3: { endpoint: 'http://2852039166/' } }],
    ['the instance metadata of IPv6', { credentials: keys, s3: { endpoint: 'http://[fd00:ec2::254]' } }],
    ['the instance metadata of IPv4 in IPv6', { credentials: keys, s3: { endpoint: 'http://[::ffff:169.254.169.254]' } }],
    ['a service nobody calls', { credentials: keys, dynamodb: { endpoint: 'http://127.0.0.1' } }],
    ['buckets of what is no account', { credentials: keys, s3: { endpoint: 'http://127.0.0.1', buckets: { me: ['a'] } } }],
  ])('refuses %s', (_what, aws) => {
    expect(() => parse(aws)).toThrow(expect.objectContaining({ code: 'HostUnfit' }));
  });
});

describe.runIf(process.getuid?.() === 0)('keys in files', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cloister-aws-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const settingsFrom = (path: string, profile?: string) =>
    awsSettingsOf(
      parse({ credentialsFile: path, ...(profile === undefined ? {} : { profile }), sqs: { endpoint: 'http://127.0.0.1:1' } }),
      'us-east-1',
    );

  it('are read from a profile of a credentials file that is root’s alone', () => {
    const path = join(directory, 'keys');
    writeFileSync(
      path,
      '[default]\naws_access_key_id = A\naws_secret_access_key = S\n\n[other]\naws_access_key_id=B\naws_secret_access_key=T\naws_session_token=U\n',
      {
        mode: 0o600,
      },
    );
    expect(settingsFrom(path)?.credentials).toEqual({ accessKeyId: 'A', secretAccessKey: 'S' });
    expect(settingsFrom(path, 'other')?.credentials).toEqual({ accessKeyId: 'B', secretAccessKey: 'T', sessionToken: 'U' });
    expect(() => settingsFrom(path, 'none')).toThrow('no profile none');
    chmodSync(path, 0o640);
    expect(() => settingsFrom(path)).toThrow('root alone');
    chmodSync(path, 0o600);
    chownSync(path, 65_534, 65_534);
    expect(() => settingsFrom(path)).toThrow('root alone');
    expect(() => settingsFrom(join(directory, 'none'))).toThrow('cannot be read');
  });

  it('make config.json itself root’s alone', () => {
    const path = join(directory, 'config.json');
    writeFileSync(path, JSON.stringify({ aws: { credentials: keys } }), { mode: 0o644 });
    expect(() => readHostConfiguration(path)).toThrow('readable by root alone');
    chmodSync(path, 0o600);
    expect(readHostConfiguration(path).aws?.credentials).toEqual(keys);
  });
});
