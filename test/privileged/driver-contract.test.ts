import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/evidence.ts';
import { linkRuntimes } from '../runtimes.ts';
import { buildImage, type Claimed, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const accountId = '123456789012';
const bootstrap = `#!/bin/sh
before=$(cat /tmp/mark 2>/dev/null)
echo kept > /tmp/mark
echo "started $MARK tmp:$before"
[ -r /opt/where ] && echo "layer $(cat /opt/where) $(cat /opt/only-first)"
case "$MARK" in
  exit) exit 3 ;;
  kill) kill -9 $$ ;;
  orphan) (sleep 0.05; echo orphan-done) & exit 0 ;;
esac
while :; do i=$((i+1)); done
`;

/** What every driver must do, whatever walls it is made of, seen through the agent's verbs and the kernel. */
describe.each(['oci'])('driver contract: %s', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-contract-'));
  let daemon: RawDaemon;
  let codeDigest: string;
  const events: Record<string, unknown>[] = [];

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    daemon = RawDaemon.start(dataDirectory);
    daemon.onEvent = (event) => events.push(event);
    codeDigest = await buildImage(daemon, accountId, { bootstrap });
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true });
  });

  const start = (claimed: Claimed, mark: string) =>
    daemon.request('start', {
      environmentId: claimed.environmentId,
      process: { kind: 'runtime' },
      environment: { MARK: mark, PATH: '/usr/bin:/bin' },
    });
  const verb = (name: string, claimed: Claimed, fields = {}) => daemon.request(name, { environmentId: claimed.environmentId, ...fields });
  const evidence = async (claimed: Claimed) => (await verb('evidence', claimed)).result as unknown as Evidence;
  const destroy = (claimed: Claimed) => daemon.request('destroy', { id: claimed.environmentId });
  const cpuTicks = (pids: readonly number[]) =>
    pids
      .flatMap((pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13).map(Number) ?? [])
      .reduce((a, b) => a + b, 0);

  async function exitOf(claimed: Claimed): Promise<Record<string, unknown>> {
    for (;;) {
      const found = events.find((event) => event['event'] === 'exited' && event['environmentId'] === claimed.environmentId);
      if (found !== undefined) return found;
      await new Promise((resolve) => daemon.control.once('data', resolve));
    }
  }

  it('start() runs the entry point with exactly the variables it was given', async () => {
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest });
    expect((await start(claimed, 'one')).ok).toBe(true);
    await claimed.said('started one');
    const { pids } = await evidence(claimed);
    const variables = readFileSync(`/proc/${pids.at(-1)}/environ`, 'utf8')
      .split('\0')
      .filter(Boolean);
    expect(variables.filter((line) => !/^(PWD|_|OLDPWD|SHLVL)=/.test(line)).toSorted()).toEqual(['MARK=one', 'PATH=/usr/bin:/bin']);
    await destroy(claimed);
  });

  it('tells how a process ended: exit status, signal', async () => {
    using exiting = await claimEnvironment(daemon, { accountId, codeDigest });
    await start(exiting, 'exit');
    expect(await exitOf(exiting)).toMatchObject({ status: 3, signal: null, outOfMemory: false });
    await destroy(exiting);
    using killed = await claimEnvironment(daemon, { accountId, codeDigest });
    await start(killed, 'kill');
    expect(await exitOf(killed)).toMatchObject({ status: null, signal: 9 });
    await destroy(killed);
  });

  it('reset() ends every process and keeps /tmp; start() works again', async () => {
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest });
    await start(claimed, 'first');
    await claimed.said('started first tmp:');
    const before = (await evidence(claimed)).pids;
    expect((await verb('reset', claimed)).ok).toBe(true);
    expect((await evidence(claimed)).pids).toHaveLength(1);
    await start(claimed, 'second');
    await claimed.said('started second tmp:kept');
    const after = (await evidence(claimed)).pids;
    expect(after[0]).toBe(before[0]);
    expect(after.at(-1)).not.toBe(before.at(-1));
    await destroy(claimed);
  });

  it('reaps orphans: no zombie stays', async () => {
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest });
    await start(claimed, 'orphan');
    await claimed.said('orphan-done');
    await exitOf(claimed);
    await expect.poll(async () => (await evidence(claimed)).pids.length).toBe(1);
    await destroy(claimed);
  });

  it('freeze() stops every process and thaw() lets them go on', async () => {
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest });
    await start(claimed, 'busy');
    await claimed.said('started busy');
    const { pids } = await evidence(claimed);
    await verb('freeze', claimed);
    const frozen = cpuTicks(pids);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(cpuTicks(pids)).toBe(frozen);
    await verb('thaw', claimed);
    await expect.poll(() => cpuTicks(pids)).toBeGreaterThan(frozen);
    await destroy(claimed);
  });

  it('setLimits(invoke) holds the processes to the share of their memory size', async () => {
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest, memorySizeMiB: 256 });
    await verb('setLimits', claimed, { phase: 'invoke' });
    await start(claimed, 'busy');
    await claimed.said('started busy');
    const { pids } = await evidence(claimed);
    const [ticks, started] = [cpuTicks(pids), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const share = ((cpuTicks(pids) - ticks) * 10) / (performance.now() - started);
    // 256 MiB earn 14.5 % of a processor; the figure is the kernel's own account, in steps of 10 ms.
    expect(share).toBeGreaterThan(0.05);
    expect(share).toBeLessThan(0.18);
    await destroy(claimed);
  });

  it('shows several layers at /opt, a later one over an earlier one', async () => {
    const first = await buildImage(daemon, accountId, { where: 'first', 'only-first': 'below' });
    const second = await buildImage(daemon, accountId, { where: 'second' });
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest, layers: [first, second] });
    await start(claimed, 'layers');
    await claimed.said('layer second below');
    await destroy(claimed);
  });

  it('hands out the peak of memory as a file that can be read again and again', async () => {
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest });
    const idle = claimed.memoryPeakBytes();
    await start(claimed, 'busy');
    await claimed.said('started busy');
    expect(idle).toBeGreaterThan(0);
    expect(claimed.memoryPeakBytes()).toBeGreaterThan(idle);
    await destroy(claimed);
  });

  it('start() of a function without an executable entry point is refused, and the environment lives', async () => {
    const empty = await buildImage(daemon, accountId, { 'readme.txt': 'no bootstrap here' });
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest: empty });
    expect(await start(claimed, 'none')).toMatchObject({ ok: false, code: 'NotFound' });
    // The child that could not become a program tells why, then ends.
    await expect.poll(async () => (await evidence(claimed)).pids.length).toBe(1);
    await destroy(claimed);
  });

  it('destroy() works from any half-made state, twice, and leaves nothing', async () => {
    const volumes = () => readdirSync(join(dataDirectory, 'volumes'));
    const { result: slot } = await daemon.request('openSlot', { driver: 'oci', tmpSizeMiB: 512 });
    expect(volumes()).toHaveLength(1);
    expect((await daemon.request('destroy', { id: (slot as { slotId: string }).slotId })).ok).toBe(true);
    expect((await daemon.request('destroy', { id: (slot as { slotId: string }).slotId })).ok).toBe(true);
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest });
    await start(claimed, 'busy');
    await claimed.said('started busy');
    const { pids, walls } = await evidence(claimed);
    await Promise.all([destroy(claimed), daemon.request('destroy', { id: claimed.slotId })]);
    // The kernel takes a dead process from the table when its parent has looked, a moment after its group is empty.
    await expect.poll(() => pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(volumes()).toEqual([]);
    expect(readdirSync(join(dataDirectory, 'journal'))).toEqual([]);
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(String(walls['tmp']?.['device']?.value));
    expect(await verb('freeze', claimed)).toMatchObject({ ok: false, code: 'NotFound' });
  });

  it('tells when an environment ends by itself', async () => {
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest });
    const { pids } = await evidence(claimed);
    process.kill(pids[0] as number, 'SIGKILL');
    await expect
      .poll(() => events.some((event) => event['event'] === 'environmentGone' && event['environmentId'] === claimed.environmentId))
      .toBe(true);
    expect((await start(claimed, 'late')).ok).toBe(false);
    expect((await destroy(claimed)).ok).toBe(true);
  });
});
