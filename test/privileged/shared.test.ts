import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkRuntimes } from '../runtimes.ts';
import { buildImage, type Claimed, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const mine = '111111111111';
const theirs = '222222222222';
/** Reads much of the runtime's image, and tells what its root is when it starts. */
const reader = '#!/bin/sh\nif [ "$ACT" = read ]; then cat /usr/bin/* /usr/lib/x86_64-linux-gnu/* > /dev/null 2>&1; fi\necho "done"\nsleep 1000\n';

/** What an environment has of the host's page cache, with `isolation.dedicatedRuntime`. */
describe('dedicated runtimes', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-shared-'));
  const dedicated = join(dataDirectory, 'images', 'dedicated');
  const environments: Claimed[] = [];
  let daemon: RawDaemon;

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    writeFileSync(join(dataDirectory, 'config.json'), JSON.stringify({ isolation: { dedicatedRuntime: true } }), { mode: 0o600 });
    daemon = RawDaemon.start(dataDirectory);
    for (const accountId of [mine, theirs]) {
      const codeDigest = await buildImage(daemon, accountId, { bootstrap: reader });
      environments.push(await claimEnvironment(daemon, { accountId, codeDigest, memorySizeMiB: 1_769 }));
    }
  });

  afterAll(async () => {
    for (const one of environments) one[Symbol.dispose]();
    await daemon[Symbol.asyncDispose]();
    expect(existsSync(dedicated)).toBe(false);
    rmSync(dataDirectory, { recursive: true });
  });

  const fileOf = (accountId: string): string => join(dedicated, accountId, String(readdirSync(join(dedicated, accountId))[0]));
  /** The kernel's own count, by mincore(2) in another process: of the files that the reader reads, as the environment's root has them, and of the image's. */
  const residentKiB = async ({ environmentId }: Claimed, accountId: string): Promise<number> => {
    const { pids } = (await daemon.request('processes', { environmentId })).result as { pids: readonly number[] };
    const files = [`/proc/${pids[0]}/root/usr/bin`, `/proc/${pids[0]}/root/usr/lib/x86_64-linux-gnu`].flatMap((directory) =>
      readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(directory, entry.name)] : [])),
    );
    const counts = execFileSync('fincore', ['--bytes', '--noheadings', '-o', 'RES', fileOf(accountId), ...files]).toString();
    return counts.split('\n').reduce((sum, line) => sum + Number(line), 0) / 1_024;
  };

  it('are a file for each account', () => {
    const [one, other] = [statSync(fileOf(mine)), statSync(fileOf(theirs))];
    expect(one.ino).not.toBe(other.ino);
    expect(readFileSync(fileOf(mine)).equals(readFileSync(fileOf(theirs)))).toBe(true);
  });

  it('have pages of their own: what one account reads of its runtime is not in memory for the other', async () => {
    execFileSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    const [environment, other] = environments as [Claimed, Claimed];
    const resident = async () => [await residentKiB(environment, mine), await residentKiB(other, theirs)];
    const before = await resident();
    const { environmentId } = environment;
    await daemon.request('start', { environmentId, process: { kind: 'runtime' }, environment: { PATH: '/usr/bin:/bin', ACT: 'read' } });
    await environment.said('done');
    const grown = (await resident()).map((now, index) => now - (before[index] ?? 0));
    expect(grown[0]).toBeGreaterThan(8 * 1_024);
    expect(grown[1]).toBeLessThan(256);
  });

  it('bind an environment to its account before it is claimed', async () => {
    const slotId = async () => (((await daemon.request('openSlot', { driver: 'oci', tmpSizeMiB: 512 })).result ?? {}) as { slotId: string }).slotId;
    const prepare = { runtime: 'provided.al2023', memorySizeMiB: 128 };
    expect(await daemon.request('prepare', { ...prepare, slotId: await slotId() })).toMatchObject({ ok: false, code: 'Conflict' });
    const prepared = await daemon.request('prepare', { ...prepare, slotId: await slotId(), accountId: mine });
    const { environmentId } = prepared.result as { environmentId: string };
    const codeDigest = await buildImage(daemon, theirs, { bootstrap: reader });
    const owner = { accountId: theirs, functionName: 'other', version: '$LATEST' };
    expect(await daemon.request('claim', { environmentId, owner, codeDigest, layers: [] })).toMatchObject({ ok: false, code: 'Conflict' });
    expect((await daemon.request('destroy', { id: environmentId })).ok).toBe(true);
  });
});
