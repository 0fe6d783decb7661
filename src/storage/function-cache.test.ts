import { describe, expect, it } from 'vitest';
import { functionVersion } from '../../test/support/function-version.ts';
import type { FunctionUrl } from '../functions/function-url.ts';
import { FunctionCache } from './function-cache.ts';

const fn = functionVersion();
const url: FunctionUrl = {
  urlId: 'a'.repeat(32),
  accountId: fn.accountId,
  functionName: fn.functionName,
  qualifier: undefined,
  authType: 'NONE',
  createdAt: '',
  modifiedAt: '',
};
const policy = { revisionId: 'r', statements: [] };

/** A cache, and how often each thing was read from behind it. */
function rig() {
  const cache = new FunctionCache();
  const reads = { version: 0, policy: 0, url: 0 };
  const read = <T>(what: keyof typeof reads, value: T) => {
    reads[what] += 1;
    return Promise.resolve(value);
  };
  return {
    cache,
    reads,
    version: () => cache.version(fn, fn.version, () => read('version', fn)),
    policy: (found: typeof policy | undefined) => cache.policy(fn, '', () => read('policy', found)),
    url: () => cache.url(url.urlId, () => read('url', url)),
  };
}

describe('FunctionCache', () => {
  it('reads what a URL’s request needs once, the policy that is not there too, and again after a change of the function', async () => {
    const { cache, reads, version, policy: find, url: findUrl } = rig();
    for (let request = 0; request < 3; request += 1) {
      expect([await findUrl(), await find(undefined), await version()]).toEqual([url, undefined, fn]);
    }
    expect(reads).toEqual({ version: 1, policy: 1, url: 1 });
    cache.forget(fn);
    expect([await findUrl(), await find(policy), await version()]).toEqual([url, policy, fn]);
    expect(reads).toEqual({ version: 2, policy: 2, url: 2 });
    cache.forget({ ...fn, functionName: 'other' });
    await Promise.all([findUrl(), find(undefined), version()]);
    expect(reads).toEqual({ version: 2, policy: 2, url: 2 });
  });

  it('remembers nothing of a function that it knows nothing else of', async () => {
    const { reads, policy: find } = rig();
    await find(undefined);
    await find(undefined);
    expect(reads.policy).toBe(2);
  });

  it('keeps nothing that was read before a change', async () => {
    const cache = new FunctionCache();
    const late = Promise.withResolvers<typeof policy>();
    const early = cache.policy(fn, '', () => late.promise);
    const lateUrl = Promise.withResolvers<FunctionUrl>();
    const earlyUrl = cache.url(url.urlId, () => lateUrl.promise);
    cache.forget(fn);
    late.resolve(policy);
    lateUrl.resolve(url);
    expect([await early, await earlyUrl]).toEqual([policy, url]);
    const other = { ...policy, revisionId: 'other' };
    expect(await cache.policy(fn, '', async () => other)).toBe(other);
    expect(await cache.url(url.urlId, async () => undefined)).toBeUndefined();
  });
});
