import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStorage } from './open-storage.ts';

describe('Accounts', () => {
  let dataDir: string;
  const open = () => openStorage({ dataDir, region: 'us-east-1', clock: Date.now });
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'cloister-accounts-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('makes the operator’s account and key at the first start only', async () => {
    const first = await open();
    const key = first.accounts.operatorKey;
    expect(key).toMatchObject({
      accountId: '123456789012',
      operator: true,
      accessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/),
      secretAccessKey: expect.stringMatching(/^[A-Za-z0-9/+]{40}$/),
    });
    await first.close();
    const second = await open();
    expect(second.accounts.operatorKey).toEqual(key);
    expect(second.accounts.findAccessKey(key.accessKeyId)).toEqual(key);
    await second.close();
  });

  it('makes keys of tenants, which are no operators, and keeps them', async () => {
    const first = await open();
    const keys = [await first.accounts.createAccessKey('210987654321'), await first.accounts.createAccessKey('210987654321')];
    expect(new Set(keys.map(({ accessKeyId }) => accessKeyId)).size).toBe(2);
    await first.close();
    const second = await open();
    for (const key of keys) {
      expect(key.operator).toBe(false);
      expect(second.accounts.findAccessKey(key.accessKeyId)).toEqual(key);
    }
    expect(second.accounts.findAccessKey('AKIAAAAAAAAAAAAAAAAA')).toBeUndefined();
    await second.close();
  });

  it('keeps the secrets from other users of the host', async () => {
    const storage = await open();
    await storage.accounts.createAccessKey('210987654321');
    for (const name of ['metadata.sqlite', 'metadata.sqlite-wal', 'metadata.sqlite-shm']) {
      expect([name, (await stat(join(dataDir, 'db', name))).mode & 0o777]).toEqual([name, 0o600]);
    }
    await storage.close();
  });
});
