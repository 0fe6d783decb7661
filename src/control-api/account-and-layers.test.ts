import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlApiFixture, RequestToSign } from '../../test/support/control-api-fixture.ts';
import { callApi, createTestFunction, openControlApiFixture, zipBytes } from '../../test/support/control-api-fixture.ts';

const layerArn = 'arn:aws:lambda:us-east-1:123456789012:layer:l:1';

describe('account settings, tags and layers', () => {
  let fixture: ControlApiFixture;
  beforeEach(async () => {
    fixture = await openControlApiFixture();
  });
  afterEach(() => fixture[Symbol.asyncDispose]());

  const call = async (method: RequestToSign['method'], path: string, body?: object, query: Record<string, string> = {}) => {
    const response = await callApi(fixture, { method, path, query, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    return response.body === '' ? { status: response.statusCode } : { status: response.statusCode, ...response.json() };
  };
  const publishLayer = (name: string, text: string) =>
    call('POST', `/2018-10-31/layers/${name}/versions`, { Content: { ZipFile: zipBytes(text).toString('base64') } });
  const usage = async () => (await call('GET', '/2016-08-19/account-settings')).AccountUsage;

  it('count functions once and the code of every version and layer version', async () => {
    expect(await usage()).toEqual({ FunctionCount: 0, TotalCodeSize: 0 });
    await createTestFunction(fixture, 'f', { Publish: true });
    await createTestFunction(fixture, 'g');
    await publishLayer('l', 'one');
    await publishLayer('l', 'three');
    const size = (text: string) => zipBytes(text).byteLength;
    const code = 2 * size('code of f') + size('code of g');
    expect(await usage()).toEqual({ FunctionCount: 2, TotalCodeSize: code + size('one') + size('three') });
    await call('DELETE', '/2018-10-31/layers/l/versions/1');
    await call('DELETE', '/2015-03-31/functions/g');
    expect(await usage()).toEqual({ FunctionCount: 1, TotalCodeSize: 2 * size('code of f') + size('three') });
  });

  it('keep the image of a deleted layer version as long as a function uses it', async () => {
    await publishLayer('l', 'layer');
    const image = `123456789012/${hash('sha256', Buffer.concat([Buffer.from('image of '), zipBytes('layer')]))}`;
    await createTestFunction(fixture, 'f', { Layers: [layerArn] });
    expect(await call('DELETE', '/2018-10-31/layers/l/versions/1')).toEqual({ status: 204 });
    await expect.poll(() => fixture.storage.artifacts.listUnreferenced('123456789012')).toEqual([]);
    expect(fixture.agent.images.has(image)).toBe(true);
    expect(await call('PUT', '/2015-03-31/functions/f/configuration', { MemorySize: 256 })).toMatchObject({ Layers: [{ Arn: layerArn }] });
    expect(await call('POST', '/2015-03-31/functions/f/invocations')).toMatchObject({ status: 200 });
    expect(fixture.invoker.requests.at(-1)?.function.layers).toMatchObject([{ arn: layerArn }]);
    await call('DELETE', '/2015-03-31/functions/f');
    await expect.poll(() => fixture.agent.images.has(image)).toBe(false);
  });

  it('leave environments as they are when tags or versions are made', async () => {
    await createTestFunction(fixture, 'f');
    const invokedRevision = async () => {
      await call('POST', '/2015-03-31/functions/f/invocations');
      return fixture.invoker.requests.at(-1)?.function.revisionId;
    };
    const shownRevision = async () => (await call('GET', '/2015-03-31/functions/f/configuration')).RevisionId;
    const before = [await invokedRevision(), await shownRevision()];
    const resource = encodeURIComponent('arn:aws:lambda:us-east-1:123456789012:function:f');
    await call('POST', `/2017-03-31/tags/${resource}`, { Tags: { 'cloister:isolation': 'oci', team: 'a' } });
    const tagged = await shownRevision();
    await call('POST', '/2015-03-31/functions/f/versions', {});
    const after = [await invokedRevision(), await shownRevision()];
    expect(after[0]).toBe(before[0]);
    expect(new Set([before[1], tagged, after[1]]).size).toBe(3);
    // Tags are no change that is worth a version.
    await call('POST', `/2017-03-31/tags/${resource}`, { Tags: { team: 'b' } });
    expect(await call('POST', '/2015-03-31/functions/f/versions', {})).toMatchObject({ Version: '1' });
  });

  it('list each layer once with the newest version that matches', async () => {
    for (const [name, runtime] of [
      ['a', 'java21'],
      ['b', 'java21'],
      ['b', 'ruby3.4'],
      ['c', 'ruby3.4'],
      ['d', 'java21'],
    ] as const) {
      const body = { Content: { ZipFile: zipBytes(name).toString('base64') }, CompatibleRuntimes: [runtime] };
      await call('POST', `/2018-10-31/layers/${name}/versions`, body);
    }
    const list = async (query: Record<string, string>) => {
      const { Layers, NextMarker } = await call('GET', '/2018-10-31/layers', undefined, query);
      const names = Layers.map((layer: { LayerName: string; LatestMatchingVersion: { Version: number } }) => {
        return `${layer.LayerName} ${layer.LatestMatchingVersion.Version}`;
      });
      return [names, NextMarker];
    };
    expect(await list({})).toEqual([['a 1', 'b 2', 'c 1', 'd 1'], undefined]);
    const [first, marker] = await list({ CompatibleRuntime: 'java21', MaxItems: '2' });
    expect(first).toEqual(['a 1', 'b 1']);
    await call('DELETE', '/2018-10-31/layers/b/versions/1');
    expect(await list({ CompatibleRuntime: 'java21', MaxItems: '2', Marker: marker })).toEqual([['d 1'], undefined]);
    expect(await list({ CompatibleArchitecture: 'x86_64' })).toEqual([[], undefined]);
  });
});
