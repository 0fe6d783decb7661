import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCredentials } from '../functions/credentials-text.ts';
import { readCredentials, storeProfile, withProfile } from './credentials-file.ts';

const first = { accessKeyId: 'AKIAFIRST00000000000', secretAccessKey: 'secret+one/of=first' };
const second = { accessKeyId: 'AKIASECOND0000000000', secretAccessKey: 'secret+two' };

describe('withProfile()', () => {
  it('writes what parseCredentials() reads', () => {
    const text = withProfile(withProfile('', 'default', first), 'account-210987654321', second);
    expect([...parseCredentials(text)]).toEqual([
      ['default', first],
      ['account-210987654321', second],
    ]);
  });

  it('replaces the keys of a profile instead of naming it twice', () => {
    const text = withProfile(withProfile('', 'default', first), 'default', second);
    expect(text.match(/\[default\]/g)).toHaveLength(1);
    expect(parseCredentials(text).get('default')).toEqual(second);
  });

  it('keeps comments and settings of other profiles', () => {
    const before = '# mine\n[other]\naws_access_key_id=a\naws_secret_access_key=b\nregion = eu-west-1\n';
    const after = withProfile(before, 'default', first);
    expect(after).toContain('# mine');
    expect(after).toContain('region = eu-west-1');
    expect(parseCredentials(after).get('other')).toEqual({ accessKeyId: 'a', secretAccessKey: 'b' });
  });
});

describe('parseCredentials()', () => {
  it('leaves out a profile without a secret', () => {
    expect(parseCredentials('[default]\naws_access_key_id = a\n').size).toBe(0);
  });
});

describe('storeProfile()', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cloister-credentials-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('makes the file for its owner alone and leaves nothing beside it', () => {
    const path = join(directory, 'credentials');
    storeProfile(path, 'default', first);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['credentials']);
    expect(readCredentials(path).get('default')).toEqual(first);
  });

  it('closes a file that others could read', () => {
    const path = join(directory, 'credentials');
    writeFileSync(path, withProfile('', 'default', first), { mode: 0o644 });
    storeProfile(path, 'account-210987654321', second);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain(first.secretAccessKey);
  });
});
