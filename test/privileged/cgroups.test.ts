import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/evidence.ts';
import { turnOf } from '../../src/linux/scheduler-slice.ts';
import { linkRuntimes } from '../runtimes.ts';
import { ControlGroupFiles } from './control-group-files.ts';
import { buildImage, type Claimed, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const accountId = '123456789012';
const bootstrap = `#!/bin/bash
echo "started $MARK"
spin() { while :; do :; done; }
case "$MARK" in
  child) sleep 1000 & sleep 1000 & (head -c 2000M /dev/zero | tail > /dev/null; echo survived) & ;;
  spin) spin & spin & spin & ;;
  later) read -t 1.5 <> <(:); spin & spin & spin & ;;
  fork) n=0; while [ $n -lt 1500 ]; do sleep 1000 & n=$((n+1)); done 2>/dev/null; echo forked ;;
esac
while :; do sleep 1000; done
`;

/** The limits of a control group, seen by what happens at them. */
describe('control groups', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-cgroups-'));
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

  const verb = (name: string, claimed: Claimed, fields = {}) => daemon.request(name, { environmentId: claimed.environmentId, ...fields });
  const evidence = async (claimed: Claimed) => (await verb('evidence', claimed)).result as unknown as Evidence;
  const destroy = (claimed: Claimed) => daemon.request('destroy', { id: claimed.environmentId });

  /** An environment whose function runs, under the limits of an invocation. */
  async function running(mark: string, memorySizeMiB: number) {
    const claimed = await claimEnvironment(daemon, { accountId, codeDigest, memorySizeMiB });
    await verb('setLimits', claimed, { phase: 'invoke' });
    await verb('start', claimed, { process: { kind: 'runtime' }, environment: { MARK: mark, PATH: '/usr/bin:/bin' } });
    const { pids } = await evidence(claimed);
    return { claimed, pids, files: ControlGroupFiles.of(pids[0] as number) };
  }

  it('ends the whole environment but PID 1 when a child of its runtime takes too much memory, and no neighbour', async () => {
    const neighbour = await running('neighbour', 256);
    using _neighbour = neighbour.claimed;
    const { claimed, pids, files } = await running('child', 256);
    using _claimed = claimed;
    await expect.poll(() => files.outOfMemoryKills(), { timeout: 20_000 }).toBeGreaterThan(0);
    await expect.poll(() => files.processes()).toEqual([pids[0]]);
    // The kernel chose the child: that the runtime is gone as well is the agent's doing.
    expect(files.outOfMemoryKills()).toBe(1);
    expect(claimed.output).not.toContain('survived');
    await expect
      .poll(() => events.find((event) => event['event'] === 'exited' && event['environmentId'] === claimed.environmentId))
      .toMatchObject({
        signal: 9,
        outOfMemory: true,
      });
    expect(neighbour.files.processes()).toEqual(expect.arrayContaining([...neighbour.pids]));
    expect(events.filter((event) => event['environmentId'] === neighbour.claimed.environmentId)).toEqual([]);
    // It can serve again, and what was counted before ends nothing that starts later.
    await verb('start', claimed, { process: { kind: 'runtime' }, environment: { MARK: 'again', PATH: '/usr/bin:/bin' } });
    await claimed.said('started again');
    await delay(700);
    expect(files.processes().length).toBeGreaterThan(1);
    expect(String((await evidence(claimed)).walls['cgroups']?.['outOfMemory']?.value)).toMatch(/^oom_kill 1$/m);
    await destroy(claimed);
    await destroy(neighbour.claimed);
  });

  it.each([
    { mark: 'spin', memorySizeMiB: 1_769, vcpus: 1 },
    { mark: 'later', memorySizeMiB: 512, vcpus: 512 / 1_769 },
  ])('gives $memorySizeMiB MiB $vcpus of a processor in every second, also after a rest ($mark)', async ({ mark, memorySizeMiB, vcpus }) => {
    const { claimed, files } = await running(mark, memorySizeMiB);
    using _claimed = claimed;
    await expect.poll(() => files.processes().length, { timeout: 20_000 }).toBeGreaterThan(4);
    const shares: number[] = [];
    for (let second = 0; second < 4; second += 1) {
      const [used, started] = [files.cpuSeconds(), performance.now()];
      await delay(1_000);
      shares.push((files.cpuSeconds() - used) / ((performance.now() - started) / 1_000));
    }
    // A window of a second may begin in the middle of a period, and each processor may hold a slice of the last one.
    for (const share of shares) expect(share).toBeLessThan(vcpus * 1.06 + 0.01);
    const throttled = Number(/nr_throttled (\d+)/.exec(String((await evidence(claimed)).walls['cgroups']?.['cpuThrottling']?.value))?.[1]);
    expect(throttled).toBeGreaterThan(0);
    await destroy(claimed);
  });

  it('has no swap beside its memory, and no burst', async () => {
    const { claimed, files } = await running('quiet', 256);
    using _claimed = claimed;
    const limit = files.read('memory', 'memory.limit_in_bytes', 'memory.max');
    const swap = files.read('memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max');
    expect(['0', limit]).toContain(swap);
    expect(files.read('cpu', 'cpu.cfs_burst_us', 'cpu.max.burst')).toBe('0');
    await destroy(claimed);
  });

  it('refuses the processes past the limit, and counts them', async () => {
    const { claimed, files } = await running('fork', 512);
    using _claimed = claimed;
    await expect.poll(() => Number(/max (\d+)/.exec(files.read('pids', 'pids.events', 'pids.events'))?.[1]), { timeout: 40_000 }).toBeGreaterThan(0);
    expect(files.processes().length).toBeLessThanOrEqual(1_024);
    expect(String((await evidence(claimed)).walls['cgroups']?.['processesRefused']?.value)).toMatch(/^max [1-9]/);
    await destroy(claimed);
  });

  it('opens no device of the host, not even for root', async () => {
    const { claimed, files } = await running('quiet', 256);
    using _claimed = claimed;
    const outside = await opens(undefined, '/dev/loop-control', '/dev/null');
    expect(outside).toBe('/dev/loop-control yes\n/dev/null yes\n');
    const inside = await opens(files, '/dev/loop-control', '/dev/null');
    expect(inside).toMatch(/loop-control.*Operation not permitted/);
    expect(inside).toMatch(/\/dev\/null yes\n/);
    await destroy(claimed);
  });

  it('gives agent and environments turns of the shortest kind, so that who wakes waits for no tick', async () => {
    const { claimed, pids } = await running('quiet', 256);
    using _claimed = claimed;
    for (const pid of [daemon.agent.pid as number, ...pids]) expect(turnOf(pid), String(pid)).toBe(100_000);
    await destroy(claimed);
  });

  it('keeps agent and daemon in protected groups of their own, and their scores from environments', async () => {
    const { claimed, pids, files } = await running('quiet', 1_769);
    using _claimed = claimed;
    const agentPid = daemon.agent.pid as number;
    const agent = ControlGroupFiles.of(agentPid);
    expect(agent.name).toBe(files.name.replace(/\/env-[0-9a-f]{16}$/, '-service/agent'));
    const weight = (group: ControlGroupFiles) => Number(group.read('cpu', 'cpu.shares', 'cpu.weight'));
    expect(weight(agent)).toBe(10 * weight(files));
    // Beside the host's other groups environments weigh no more than one of them; those who serve them do.
    const ofParent = (group: ControlGroupFiles) => weight(new ControlGroupFiles(dirname(group.name)));
    expect(ofParent(agent)).toBe(10 * ofParent(files));
    for (const pid of pids) expect(Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'))).toBe(500);
    expect(Number(readFileSync(`/proc/${agentPid}/oom_score_adj`, 'utf8'))).toBeLessThanOrEqual(0);
    await destroy(claimed);
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  });
});

/** What a process of root's may open while it is in the group. */
async function opens(group: ControlGroupFiles | undefined, ...paths: readonly string[]): Promise<string> {
  const script = 'read go; for p in "$@"; do (exec 3<"$p") 2>&1 && echo "$p yes"; done; exit 0';
  const child = spawn('sh', ['-c', script, 'sh', ...paths], { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const closed = once(child, 'close');
  group?.attach('devices', child.pid as number);
  child.stdin.end('go\n');
  await closed;
  return output;
}
