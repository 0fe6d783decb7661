import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lifetimeOf } from '../functions/environment-lifetime.ts';
import { concurrencySettingsOf } from './concurrency-section.ts';
import { lifetimeSettingsOf } from './environments-section.ts';
import { egressPolicyOf, parseHostConfiguration, readHostConfiguration } from './host-configuration.ts';

const parse = (value: unknown) => parseHostConfiguration(JSON.stringify(value), 'config.json');

describe('parseHostConfiguration()', () => {
  it('gives no function any egress when nothing is said', () => {
    const host = parse({});
    expect(egressPolicyOf(host, { accountId: '123456789012', functionName: 'f' })).toEqual({ kind: 'none' });
    expect(host.isolation.dedicatedRuntime).toBe(false);
  });

  it('takes a function’s policy before its account’s, and that before the default', () => {
    const host = parse({
      isolation: {
        egress: { default: 'public', accounts: { '123456789012': ['203.0.113.0/24:443'] }, functions: { '123456789012/f': 'none' } },
      },
    });
    expect(egressPolicyOf(host, { accountId: '123456789012', functionName: 'f' })).toEqual({ kind: 'none' });
    expect(egressPolicyOf(host, { accountId: '123456789012', functionName: 'g' })).toEqual({
      kind: 'list',
      destinations: [{ cidr: '203.0.113.0/24', port: 443 }],
    });
    expect(egressPolicyOf(host, { accountId: '210987654321', functionName: 'f' })).toEqual({ kind: 'public' });
  });

  it('keeps environments for 15 minutes and 8 hours, a function’s for as long as it, then its account, says', () => {
    const told = {
      environments: {
        maxAgeSeconds: 3_600,
        accounts: { '123456789012': { idleTimeoutSeconds: 60 } },
        functions: { '123456789012/f': { idleTimeoutSeconds: 14_400 } },
      },
    };
    const settings = lifetimeSettingsOf(parse(told).environments, undefined);
    const of = (accountId: string, functionName: string) => lifetimeOf(settings, { accountId, functionName });
    expect(of('123456789012', 'f')).toEqual({ idleTimeoutMs: 14_400_000, maxAgeMs: 3_600_000 });
    expect(of('123456789012', 'g')).toEqual({ idleTimeoutMs: 60_000, maxAgeMs: 3_600_000 });
    expect(of('210987654321', 'f')).toEqual({ idleTimeoutMs: 900_000, maxAgeMs: 3_600_000 });
    expect(lifetimeSettingsOf(parse({}).environments, 5_000).default).toEqual({ idleTimeoutMs: 5_000, maxAgeMs: 28_800_000 });
  });

  it('derives from the host what accounts may run where nothing is said, and takes the administrator’s word', () => {
    const host = { memoryMiB: 7_168, processors: 2, maxEnvironments: 1_000 };
    const of = (concurrency: unknown) => concurrencySettingsOf(parse({ concurrency }).concurrency, host);
    expect(of({})).toMatchObject({ default: 112, accounts: {}, scalingRate: { environments: 200, refillTimeMs: 10_000 }, requestsPerSecond: 10_000 });
    expect(of({ default: 2_000, accounts: { '123456789012': 0 }, scalingRate: { environments: 3 } })).toMatchObject({
      default: 2_000,
      accounts: { '123456789012': 0 },
      scalingRate: { environments: 3 },
    });
    expect(concurrencySettingsOf(parse({}).concurrency, { memoryMiB: 1_000_000, processors: 64, maxEnvironments: 500 })).toMatchObject({
      default: 500,
      scalingRate: { environments: 1_000 },
    });
  });

  it.each([
    ['more environments than there are slots', { host: { maxEnvironments: 1_001 } }],
    ['an account that may run less than nothing', { concurrency: { accounts: { '123456789012': -1 } } }],
    ['an idle time-out of no time', { environments: { idleTimeoutSeconds: 0 } }],
    ['a function without its account', { environments: { functions: { f: { maxAgeSeconds: 60 } } } }],
    ['a word that is no policy', { isolation: { egress: { default: 'all' } } }],
    ['a network that is none', { isolation: { egress: { default: ['300.0.0.0/8'] } } }],
    ['a private network, which no policy opens', { isolation: { egress: { default: ['192.168.1.0/24:5432'] } } }],
    ['a prefix over 32', { isolation: { egress: { default: ['10.0.0.0/33'] } } }],
    ['a port that is none', { isolation: { egress: { default: ['10.0.0.0/8:70000'] } } }],
    ['an account that is no account', { isolation: { egress: { accounts: { me: 'public' } } } }],
    ['a bucket without size', { isolation: { rateLimits: { block: { bandwidth: { refillTimeMs: 100 } } } } }],
    ['a field nobody knows', { isolaton: {} }],
  ])('refuses %s', (_what, value) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'HostUnfit' }));
  });
});

describe.runIf(process.getuid?.() === 0)('readHostConfiguration()', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cloister-configuration-'));
    path = join(directory, 'config.json');
    writeFileSync(path, '{}', { mode: 0o644 });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('takes the defaults where there is no file', () => {
    expect(readHostConfiguration(join(directory, 'none.json')).isolation.egress.default).toEqual({ kind: 'none' });
  });

  it('refuses a file that others may write', () => {
    chmodSync(path, 0o666);
    expect(() => readHostConfiguration(path)).toThrow('root alone');
    chmodSync(path, 0o644);
    chownSync(path, 65_534, 65_534);
    expect(() => readHostConfiguration(path)).toThrow('root alone');
  });
});
