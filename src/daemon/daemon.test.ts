import { describe, expect, it } from 'vitest';
import { readConfiguration } from './daemon-configuration.ts';
import { endpointUrl } from './endpoint-url.ts';

const configuration = {
  listenHost: '127.0.0.1',
  listenPort: 0,
  region: 'us-east-1',
  dataDirectory: '/data',
  agentControl: 3,
  agentDescriptors: 4,
  lifetimes: {
    default: { idleTimeoutMs: 900_000, maxAgeMs: 28_800_000 },
    accounts: { '123456789012': { idleTimeoutMs: 60_000 } },
    functions: { '123456789012/f': { maxAgeMs: 3_600_000 } },
  },
  maxEnvironments: 10,
  concurrency: {
    default: 300,
    accounts: { '123456789012': 50 },
    scalingRate: { environments: 200, refillTimeMs: 10_000 },
    requestsPerSecond: 10_000,
    maxWaitMs: 1_000,
  },
  shutdownGraceMs: 5_000,
  responseStreams: { maxBytes: 209_715_200, bandwidth: null },
};

describe('readConfiguration()', () => {
  it('takes what the host agent writes', () => {
    expect(readConfiguration({ CLOISTER_DAEMON: JSON.stringify(configuration) })).toEqual(configuration);
  });

  it.each([
    ['missing', undefined],
    ['no JSON', '{'],
    ['a member too many', JSON.stringify({ ...configuration, extra: 1 })],
    ['a relative data directory', JSON.stringify({ ...configuration, dataDirectory: 'data' })],
    ['standard error as the agent’s socket', JSON.stringify({ ...configuration, agentControl: 2 })],
  ])('refuses one that is %s', (_what, text) => {
    expect(() => readConfiguration({ CLOISTER_DAEMON: text })).toThrow(expect.objectContaining({ code: 'BadMessage' }));
  });
});

describe('endpointUrl()', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:3001'],
    ['0.0.0.0', 'http://127.0.0.1:3001'],
    ['::', 'http://[::1]:3001'],
    ['::1', 'http://[::1]:3001'],
    ['localhost', 'http://localhost:3001'],
  ])('of %s is %s', (host, url) => {
    expect(endpointUrl(host, 3_001)).toBe(url);
  });
});
