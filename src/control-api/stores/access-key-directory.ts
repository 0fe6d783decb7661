import { randomBytes } from 'node:crypto';

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A long-lived access key and what it opens. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly accountId: string;
  /** Sees every account through the admin API. */
  readonly operator: boolean;
  /** The user of the account that the key is of; absent for a key of the account itself. */
  readonly userName?: string;
}

/** Access keys by id. Look-ups are on every request's path and must not reach the disk. */
export interface AccessKeyDirectory {
  findAccessKey(accessKeyId: string): AccessKey | undefined;
  /** Makes a tenant's key, and the account when it is new. */
  createAccessKey(accountId: string, userName?: string): Promise<AccessKey>;
}

/** Who signs with a key, as policies and refusals name it. */
export function callerArn({ accountId, userName }: Pick<AccessKey, 'accountId' | 'userName'>): string {
  return `arn:aws:iam::${accountId}:${userName === undefined ? 'root' : `user/${userName}`}`;
}

/** `prefix` and 16 random base32 characters: the form of AWS's access key ids. */
export function makeAccessKeyId(prefix: 'AKIA' | 'ASIA'): string {
  return prefix + Array.from(randomBytes(16), (byte) => base32[byte & 31]).join('');
}

/** 40 characters of base64: 240 random bits. */
export function makeSecretAccessKey(): string {
  return randomBytes(30).toString('base64');
}
