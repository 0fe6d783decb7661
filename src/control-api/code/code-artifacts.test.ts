import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeAgent, zipBytes } from '../../../test/support/control-api-fixture.ts';
import type { CodeArtifact } from '../../functions/function-record.ts';
import type { Storage } from '../../storage/open-storage.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { CodeArtifacts } from './code-artifacts.ts';

const accountId = '123456789012';

describe('CodeArtifacts', () => {
  let dataDir: string;
  let storage: Storage;
  let agent: FakeAgent;
  let code: CodeArtifacts;
  const errors: unknown[] = [];
  const needed = new Set<string>();
  const needsImage = ({ digest }: { readonly digest: string }) => needed.has(digest);
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'cloister-artifacts-'));
    storage = await openStorage({ dataDir, region: 'us-east-1', clock: Date.now });
    agent = new FakeAgent();
    code = new CodeArtifacts({ agent, archives: storage.archives, ledger: storage.artifacts, needsImage, logError: (error) => errors.push(error) });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await code.close();
    await storage.close();
    await rm(dataDir, { recursive: true, force: true });
    expect(errors.splice(0)).toEqual([]);
  });

  const build = (text: string, store: (made: CodeArtifact) => Promise<CodeArtifact>) =>
    code.build({ accountId, archive: zipBytes(text), maxUnpackedBytes: 1_000 }, store);
  const keep = async (made: CodeArtifact) => {
    await storage.layers.publish({
      accountId,
      layerName: 'l',
      description: '',
      compatibleRuntimes: [],
      compatibleArchitectures: [],
      createdDate: 'now',
      code: made,
    });
    return made;
  };
  const exists = async ({ archiveDigest, imageDigest }: CodeArtifact) => {
    const archive = await storage.archives.open(accountId, archiveDigest);
    archive?.stream.destroy();
    return { archive: archive !== undefined, image: agent.images.has(`${accountId}/${imageDigest}`) };
  };
  const swept = () => vi.waitFor(async () => expect(await storage.artifacts.listUnreferenced(accountId)).toEqual([]));

  it('keeps what is referred to and drops what is not', async () => {
    const kept = await build('kept', keep);
    const dropped = await build('dropped', async (made) => made);
    code.sweep(accountId);
    await swept();
    expect(await exists(kept)).toEqual({ archive: true, image: true });
    expect(await exists(dropped)).toEqual({ archive: false, image: false });
  });

  it('builds the same bytes once for an account, and once more for another', async () => {
    const building = vi.spyOn(agent, 'buildImage');
    const first = await build('same', keep);
    expect(await build('same', keep)).toEqual(first);
    expect(building).toHaveBeenCalledTimes(1);
    await code.build({ accountId: '210987654321', archive: zipBytes('same'), maxUnpackedBytes: 1_000 }, keep);
    expect(building).toHaveBeenCalledTimes(2);
  });

  it('lets the builder refuse what is larger than the upload may be', async () => {
    const { unpackedBytes } = await build('large', keep);
    const building = vi.spyOn(agent, 'buildImage');
    const maxUnpackedBytes = unpackedBytes - 1;
    await code.build({ accountId, archive: zipBytes('large'), maxUnpackedBytes }, keep).catch(() => undefined);
    expect(building).toHaveBeenCalledWith(expect.anything(), { accountId, maxUnpackedBytes });
  });

  it('drops what was built for a change that failed', async () => {
    let made: CodeArtifact | undefined;
    const failed = build('failed', async (built) => {
      made = built;
      throw new Error('the name is taken');
    });
    await expect(failed).rejects.toThrow('the name is taken');
    await swept();
    if (made === undefined) throw new Error('nothing was built');
    expect(await exists(made)).toEqual({ archive: false, image: false });
  });

  it('does not sweep while code is built and not yet referred to', async () => {
    const [begun, stored] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const building = build('slow', async (made) => {
      code.sweep(accountId);
      begun.resolve();
      await stored.promise;
      return keep(made);
    });
    await begun.promise;
    // Another upload of the account waits for a sweep that runs: when it is through, one that had begun would be, too.
    await build('quick', keep);
    stored.resolve();
    expect(await exists(await building)).toEqual({ archive: true, image: true });
    await swept();
    expect(await exists(await building)).toEqual({ archive: true, image: true });
  });

  it('builds anew when the same bytes come while they are dropped', async () => {
    await build('again', async (made) => made);
    code.sweep(accountId);
    const rebuilt = await build('again', keep);
    await swept();
    expect(await exists(rebuilt)).toEqual({ archive: true, image: true });
  });

  it.each([
    ['an environment still uses an image', (digest: string) => agent.inUse.add(digest), 1],
    ['an invocation still needs an image', (digest: string) => needed.add(digest), 0],
  ] as const)('tries again later when %s', async (_when, use, refusals) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const used = await build('used', async (made) => made);
    use(used.imageDigest);
    const refused = vi.spyOn(agent, 'dropImage');
    code.sweep(accountId);
    while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(refused).toHaveBeenCalledTimes(refusals);
    expect((await exists(used)).image).toBe(true);
    agent.inUse.clear();
    needed.clear();
    await vi.advanceTimersByTimeAsync(30_000);
    vi.useRealTimers();
    await swept();
    expect((await exists(used)).image).toBe(false);
  });

  it('drops at the next start what a crash left', async () => {
    const left = await build('left', async (made) => made);
    const next = new CodeArtifacts({
      agent,
      archives: storage.archives,
      ledger: storage.artifacts,
      needsImage,
      logError: (error) => errors.push(error),
    });
    await next.sweepAll();
    await swept();
    await next.close();
    expect(await exists(left)).toEqual({ archive: false, image: false });
  });
});
