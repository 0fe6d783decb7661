import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/evidence.ts';
import { linkRuntimes } from '../runtimes.ts';
import { ControlGroupFiles } from './control-group-files.ts';
import { buildImage, type Claimed, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const accountId = '123456789012';
const mebibyte = 1_048_576;
const bandwidth = { size: mebibyte / 4, refillTimeMs: 125, oneTimeBurst: 8 * mebibyte };
const bytesPerSecond = 2 * mebibyte;
const bootstrap = `#!/bin/sh
trap 'echo told; exit 0' TERM
echo "started $MARK"
case "$MARK" in
  write) while :; do dd if=/dev/zero of=/tmp/data bs=1M count=64 oflag=dsync 2>/dev/null; done ;;
  fork) while :; do (:) & done ;;
esac
while :; do i=$((i+1)); done
`;

/** One write to the freezer that a claim hands out, by an honest daemon and by one that has been taken over. */
describe('a frozen environment', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-frozen-'));
  let daemon: RawDaemon;
  let codeDigest: string;

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    writeFileSync(join(dataDirectory, 'config.json'), JSON.stringify({ isolation: { rateLimits: { block: { bandwidth } } } }), { mode: 0o600 });
    daemon = RawDaemon.start(dataDirectory);
    codeDigest = await buildImage(daemon, accountId, { bootstrap });
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true });
  });

  const verb = (name: string, claimed: Claimed, fields = {}) => daemon.request(name, { environmentId: claimed.environmentId, ...fields });
  const evidence = async (claimed: Claimed) => (await verb('evidence', claimed)).result as unknown as Evidence;
  const isFrozen = async (claimed: Claimed) => (await evidence(claimed)).walls['cgroups']?.['frozen']?.value;
  const destroy = (claimed: Claimed) => daemon.request('destroy', { id: claimed.environmentId });
  const start = async (claimed: Claimed, mark: string) =>
    (await verb('start', claimed, { process: { kind: 'runtime' }, environment: { MARK: mark, PATH: '/usr/bin:/bin' } })).result?.['processId'];

  async function running(mark: string): Promise<{ readonly claimed: Claimed; readonly processId: unknown; readonly group: ControlGroupFiles }> {
    const claimed = await claimEnvironment(daemon, { accountId, codeDigest, memorySizeMiB: 1_769 });
    const processId = await start(claimed, mark);
    await claimed.said(`started ${mark}`);
    const [pid] = (await evidence(claimed)).pids;
    return { claimed, processId, group: ControlGroupFiles.of(pid as number) };
  }

  /** What is written to the environment's own device, as the kernel counts it. */
  async function written(claimed: Claimed): Promise<() => number> {
    const device = String((await evidence(claimed)).walls['blockRates']?.['tmp.device']?.value);
    return () => Number(readFileSync(`/sys/dev/block/${device}/stat`, 'utf8').trim().split(/\s+/)[6]) * 512;
  }

  /** A daemon that writes the word as often as it can, and before anybody else gets his turn, until the group is gone. */
  async function writeForEver(claimed: Claimed, word: string): Promise<{ stop(): Promise<void> }> {
    const script = `echo begun; while echo ${word} >&3; do :; done 2>/dev/null`;
    const writer = spawn('chrt', ['--fifo', '10', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'ignore', claimed.freezer] });
    const ended = once(writer, 'exit');
    await once(writer.stdout as Readable, 'data');
    return {
      stop: async () => {
        writer.kill('SIGKILL');
        await ended;
      },
    };
  }

  it('uses no CPU time from one write on, and goes on after another; evidence tells both', async () => {
    const { claimed, group } = await running('spin');
    using _ends = claimed;
    claimed.write('frozen');
    await expect.poll(() => isFrozen(claimed), { interval: 1 }).toBe(true);
    const before = group.cpuSeconds();
    const told = (await evidence(claimed)).walls['cgroups']?.['cpuUsageNs']?.value;
    await delay(300);
    expect(group.cpuSeconds()).toBe(before);
    expect((await evidence(claimed)).walls['cgroups']?.['cpuUsageNs']?.value).toBe(told);
    claimed.write('thawed');
    expect(await isFrozen(claimed)).toBe(false);
    await expect.poll(() => group.cpuSeconds()).toBeGreaterThan(before);
    // Again and again, on the one descriptor.
    for (let round = 0; round < 50; round += 1) {
      claimed.write('frozen');
      claimed.write('thawed');
    }
    expect(await isFrozen(claimed)).toBe(false);
    await destroy(claimed);
    expect(() => writeSync(claimed.freezer, claimed.freezerWords.frozen)).toThrow(/ENODEV/);
  });

  it.each(['reset', 'signal', 'start', 'listExtensions', 'destroy'])('%s() works on it', async (name) => {
    const { claimed, processId } = await running('spin');
    using _ends = claimed;
    claimed.write('frozen');
    await expect.poll(() => isFrozen(claimed), { interval: 1 }).toBe(true);
    if (name === 'reset') {
      expect((await verb('reset', claimed)).ok).toBe(true);
      expect((await evidence(claimed)).pids).toHaveLength(1);
      await start(claimed, 'again');
      await claimed.said('started again');
    } else if (name === 'signal') {
      expect((await verb('signal', claimed, { processId, signal: 'SIGTERM' })).ok).toBe(true);
      await claimed.said('told');
    } else if (name === 'start') {
      await start(claimed, 'second');
      await claimed.said('started second');
    } else if (name === 'listExtensions') {
      expect((await verb('listExtensions', claimed)).result).toEqual({ names: [] });
    }
    const { pids } = await evidence(claimed);
    expect((await destroy(claimed)).ok).toBe(true);
    await expect.poll(() => pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });

  it('stops what waits for its device when it has what it waits for; what it owes stays owed, and it is reset and ended at once', async () => {
    const { claimed, group } = await running('write');
    using _ends = claimed;
    const use = await written(claimed);
    const begin = use();
    await expect.poll(() => use() - begin, { timeout: 20_000 }).toBeGreaterThan(bandwidth.oneTimeBurst + 2 * mebibyte);
    claimed.write('frozen');
    await expect.poll(() => isFrozen(claimed), { timeout: 10_000 }).toBe(true);
    const before = { cpu: group.cpuSeconds(), bytes: use(), peak: claimed.memoryPeakBytes() };
    await delay(500);
    expect(group.cpuSeconds()).toBe(before.cpu);
    expect(claimed.memoryPeakBytes()).toBe(before.peak);
    // Thawed, it is held to its rate as before.
    claimed.write('thawed');
    const [from, since] = [use(), performance.now()];
    await delay(2_000);
    const rate = (use() - from - 2 * bandwidth.size) / ((performance.now() - since) / 1_000);
    expect(rate).toBeLessThan(bytesPerSecond * 1.1);
    expect(rate).toBeGreaterThan(bytesPerSecond * 0.3);
    claimed.write('frozen');
    const begun = performance.now();
    expect((await verb('reset', claimed)).ok).toBe(true);
    expect((await destroy(claimed)).ok).toBe(true);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });

  it('cannot be thawed past its block limits by a daemon that had the agent freeze it', async () => {
    // With its whole burst ahead of it, the rate it is held to until the next look is far above its own.
    const { claimed } = await running('spin');
    using _ends = claimed;
    const use = await written(claimed);
    const begin = use();
    expect((await verb('freeze', claimed)).ok).toBe(true);
    claimed.write('thawed');
    await start(claimed, 'write');
    await expect.poll(() => use() - begin, { timeout: 20_000, interval: 50 }).toBeGreaterThan(bandwidth.oneTimeBurst + 2 * mebibyte);
    const [from, since] = [use(), performance.now()];
    await delay(2_000);
    expect(use() - from).toBeLessThan(2 * bandwidth.size + (1.1 * bytesPerSecond * (performance.now() - since)) / 1_000);
    expect((await destroy(claimed)).ok).toBe(true);
  });

  it('is ended, fork bomb and all, while its daemon writes to the freezer as often as it can', async () => {
    const { claimed } = await running('fork');
    using _ends = claimed;
    const { pids } = await evidence(claimed);
    const writing = await writeForEver(claimed, claimed.freezerWords.frozen);
    const begun = performance.now();
    expect((await destroy(claimed)).ok).toBe(true);
    expect(performance.now() - begun).toBeLessThan(5_000);
    await writing.stop();
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });

  it('is lost to a daemon that freezes it while it is reset, and its limits are not lifted for longer', async () => {
    const { claimed } = await running('spin');
    using _ends = claimed;
    let isGone = false;
    daemon.onEvent = (event) => {
      isGone ||= event['event'] === 'environmentGone' && event['environmentId'] === claimed.environmentId;
    };
    const writing = await writeForEver(claimed, claimed.freezerWords.frozen);
    await expect.poll(() => isFrozen(claimed), { interval: 1 }).toBe(true);
    const reset = await verb('reset', claimed);
    // PID 1 may have had its moment between two writes.
    if (!reset.ok) {
      expect(reset.code).toBe('EnvironmentGone');
      await expect.poll(() => isGone).toBe(true);
    }
    await writing.stop();
    expect((await destroy(claimed)).ok).toBe(true);
  }, 30_000);
});
