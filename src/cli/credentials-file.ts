import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CloisterError } from '../errors.ts';
import { credentialsSections, parseCredentials } from '../functions/credentials-text.ts';

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The profile that holds an account's keys; the first account is `default`. */
export function profileOf(accountId: string): string {
  return `account-${accountId}`;
}

/** Reads the credentials file of a data directory. */
export function readCredentials(path: string): ReadonlyMap<string, AccessKey> {
  try {
    return parseCredentials(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CloisterError('NotFound', `the credentials could not be read: ${(cause as Error).message}`, {
      operation: 'read credentials',
      path,
      cause,
    });
  }
}

/** Adds a profile to the file or replaces its keys; readers see the old file or the new one, and only the owner sees either (mode 0600). */
export function storeProfile(path: string, profile: string, key: AccessKey): void {
  const next = withProfile(readIfThere(path), profile, key);
  const draft = `${path}.${process.pid}.new`;
  rmSync(draft, { force: true });
  try {
    writeFileSync(draft, next, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, path);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new CloisterError('Internal', `the credentials could not be stored: ${(cause as Error).message}`, {
      operation: 'store credentials',
      path,
      cause,
    });
  }
}

/** The text of a credentials file with one profile added or its keys replaced. */
export function withProfile(text: string, profile: string, key: AccessKey): string {
  // botocore refuses a file that names a profile twice, so an existing section is replaced.
  const kept = credentialsSections(text).filter(({ name }) => name !== profile);
  const blocks = kept.map(({ name, lines }) => [...(name === undefined ? [] : [`[${name}]`]), ...lines].join('\n').trim()).filter(Boolean);
  const added = `[${profile}]\naws_access_key_id = ${key.accessKeyId}\naws_secret_access_key = ${key.secretAccessKey}`;
  return `${[...blocks, added].join('\n\n')}\n`;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
