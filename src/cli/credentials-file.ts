import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CloisterError } from '../errors.ts';

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The profile that holds an account's keys; the first account is `default`. */
export function profileOf(accountId: string): string {
  return `account-${accountId}`;
}

/** Reads a file in AWS's credentials format: the keys of each profile that has both. */
export function parseCredentials(text: string): ReadonlyMap<string, AccessKey> {
  const profiles = new Map<string, AccessKey>();
  for (const { name, lines } of sections(text)) {
    const value = (key: string) =>
      lines.map((line) => new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)\\s*$`).exec(line)?.[1]).find((found) => found !== undefined);
    const accessKeyId = value('aws_access_key_id');
    const secretAccessKey = value('aws_secret_access_key');
    if (name !== undefined && accessKeyId !== undefined && secretAccessKey !== undefined) profiles.set(name, { accessKeyId, secretAccessKey });
  }
  return profiles;
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
  const kept = sections(text).filter(({ name }) => name !== profile);
  const blocks = kept.map(({ name, lines }) => [...(name === undefined ? [] : [`[${name}]`]), ...lines].join('\n').trim()).filter(Boolean);
  const added = `[${profile}]\naws_access_key_id = ${key.accessKeyId}\naws_secret_access_key = ${key.secretAccessKey}`;
  return `${[...blocks, added].join('\n\n')}\n`;
}

function sections(text: string): { readonly name: string | undefined; readonly lines: readonly string[] }[] {
  const found: { name: string | undefined; lines: string[] }[] = [{ name: undefined, lines: [] }];
  for (const line of text.split('\n')) {
    const name = /^\s*\[\s*([^\]]+?)\s*\]\s*$/.exec(line)?.[1];
    if (name === undefined) found.at(-1)?.lines.push(line);
    else found.push({ name, lines: [] });
  }
  return found;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
