import { closeSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cgroup, cpuPeriodUs, cpuQuotaUs } from './cgroup.ts';
import { detectCgroups, homeOf } from './cgroup-host.ts';
import { V1Cgroup, type V1Roots, v1Controllers } from './v1-cgroup.ts';
import { V2Cgroup } from './v2-cgroup.ts';

/** Plain files stand for the kernel's: what is written where, on cgroup versions this host may not have. */
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloister-cgroup-'));
});

afterEach(() => rmSync(root, { recursive: true }));

/** The files that a kernel would make in a new group. */
function makeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

/** As the daemon does it: one write, of a descriptor that gives nothing else. */
function writeWord(group: Cgroup, word: 'frozen' | 'thawed'): void {
  const descriptor = group.openFreezer();
  writeSync(descriptor, group.freezerWords[word]);
  expect(() => readFileSync(descriptor)).toThrow(/EBADF/);
  closeSync(descriptor);
}

const text = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

describe('cpuQuotaUs()', () => {
  it.each([
    [1_769, cpuPeriodUs],
    [3_538, 2 * cpuPeriodUs],
    [10_240, Math.round((10_240 / 1_769) * cpuPeriodUs)],
  ])('gives %i MiB its share of the period', (memorySizeMiB, quotaUs) => expect(cpuQuotaUs(memorySizeMiB)).toBe(quotaUs));

  it('never asks for less than the kernel takes', () => expect(cpuQuotaUs(1)).toBe(1_000));
});

describe('detectCgroups()', () => {
  const v2 = '35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate';
  const unified = '36 24 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw';
  const memory = '37 24 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory';
  const cpu = '38 24 0:33 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct';

  it('tells v2, hybrid and v1 apart', () => {
    expect(detectCgroups(v2).mode).toBe('v2');
    expect(detectCgroups([unified, memory, cpu].join('\n')).mode).toBe('hybrid');
    expect(detectCgroups([memory, cpu].join('\n')).mode).toBe('v1');
  });

  it('finds both controllers of a mount that carries two', () => {
    const { v1Mounts } = detectCgroups([memory, cpu].join('\n'));
    expect(v1Mounts.get('cpu')).toBe('/sys/fs/cgroup/cpu,cpuacct');
    expect(v1Mounts.get('cpuacct')).toBe('/sys/fs/cgroup/cpu,cpuacct');
  });

  it('throws HostUnfit where nothing limits memory', () => {
    expect(() => detectCgroups('22 1 8:1 / / rw - ext4 /dev/vda rw')).toThrow(expect.objectContaining({ code: 'HostUnfit' }));
  });
});

describe('homeOf()', () => {
  const text = '9:name=systemd:/init.scope\n4:memory:/sessions/a:b\n2:cpu,cpuacct:/\n0::/user.slice';

  it.each([
    ['memory', '/sessions/a:b'],
    ['cpuacct', '/'],
    ['', '/user.slice'],
    ['pids', '/'],
  ])('finds the group under %j', (controller, path) => expect(homeOf(text, controller)).toBe(path));
});

describe('V2Cgroup', () => {
  const files = {
    'cpu.weight': '100',
    'cpu.max.burst': '7',
    'memory.min': '0',
    'memory.current': '4096',
    'memory.max': 'max',
    'memory.swap.max': 'max',
    'memory.oom.group': '0',
    'memory.events': 'low 0\noom 1\noom_kill 2\noom_group_kill 1\n',
    'pids.max': 'max',
    'cpu.max': 'max 100000',
    'cgroup.procs': '',
    'cgroup.freeze': '0',
    'cgroup.events': 'populated 1\nfrozen 1\n',
    'cgroup.kill': '',
  };

  it('writes every limit, and no swap', () => {
    makeFiles(join(root, 'env'), files);
    new V2Cgroup(root, 'env').create({ memorySizeMiB: 256, maxProcesses: 64 });
    expect(text('env', 'memory.max')).toBe(String(256 * 1024 * 1024));
    expect(text('env', 'memory.swap.max').startsWith('0')).toBe(true);
    expect(text('env', 'memory.oom.group')).toBe('1');
    expect(text('env', 'pids.max').startsWith('64')).toBe(true);
    expect(text('env', 'cpu.weight')).toBe('100');
    expect(text('env', 'cpu.max.burst')).toBe('0');
    expect(new V2Cgroup(root, 'env').memoryUsageBytes()).toBe(4_096);
  });

  it.each([
    [1_769, '100'],
    [3_538, '200'],
    [1, '100'],
    [1_000_000, '10000'],
  ])('gives %i MiB a weight of no less than a vCPU, within what the kernel takes', (memorySizeMiB, weight) => {
    makeFiles(join(root, 'env'), { ...files, 'cpu.weight': '' });
    new V2Cgroup(root, 'env').create({ memorySizeMiB, maxProcesses: 64 });
    expect(text('env', 'cpu.weight')).toBe(weight);
  });

  it('keeps memory and processor time for whom it protects, and limits them in nothing', () => {
    makeFiles(join(root, 'agent'), files);
    const group = new V2Cgroup(root, 'agent');
    group.create();
    group.protect(256);
    expect(text('agent', 'memory.min')).toBe(String(256 * 1024 * 1024));
    expect(text('agent', 'cpu.weight')).toBe('1000');
    expect(text('agent', 'memory.max')).toBe('max');
  });

  it('tells the OCI runtime which group to enter, and to deny every device but the harmless', () => {
    const { cgroupsPath, resources } = new V2Cgroup(root, 'cloister-1/env-2').oci;
    expect(cgroupsPath).toBe('/cloister-1/env-2');
    expect(resources.devices[0]).toEqual({ allow: false, access: 'rwm' });
    expect(resources.devices.slice(1)).toContainEqual({ allow: true, access: 'rwm', type: 'c', major: 1, minor: 3 });
    expect(resources.devices.slice(1)).toContainEqual({ allow: true, access: 'rwm', type: 'c', major: 136 });
    expect(resources.devices.filter(({ allow }) => !allow)).toHaveLength(1);
  });

  it('tells when the counters of memory change', async () => {
    makeFiles(join(root, 'env'), files);
    let told = 0;
    using _watch = new V2Cgroup(root, 'env').onOutOfMemory(() => {
      told += 1;
    });
    writeFileSync(join(root, 'env', 'memory.events'), 'oom_kill 3\n');
    await expect.poll(() => told).toBeGreaterThan(0);
  });

  it('sets and lifts the CPU quota', () => {
    makeFiles(join(root, 'env'), files);
    const group = new V2Cgroup(root, 'env');
    group.setCpuQuota(5_000);
    expect(text('env', 'cpu.max').startsWith(`5000 ${cpuPeriodUs}`)).toBe(true);
    writeFileSync(join(root, 'env', 'cpu.max'), '');
    group.setCpuQuota(undefined);
    expect(text('env', 'cpu.max')).toBe(`max ${cpuPeriodUs}`);
  });

  it('freezes, and waits until the kernel says so', async () => {
    makeFiles(join(root, 'env'), { ...files, 'cgroup.events': 'populated 1\nfrozen 0\n' });
    const group = new V2Cgroup(root, 'env');
    let frozen = false;
    const freezing = group.freeze().then(() => {
      frozen = true;
    });
    expect(text('env', 'cgroup.freeze')).toBe('1');
    await Promise.resolve();
    expect(frozen).toBe(false);
    writeFileSync(join(root, 'env', 'cgroup.events'), 'populated 1\nfrozen 1\n');
    await freezing;
    group.thaw();
    expect(text('env', 'cgroup.freeze')).toBe('0');
  });

  it('hands out its freezer for writing, and tells whether all has stopped and what it has used', () => {
    makeFiles(join(root, 'env'), { ...files, 'cpu.stat': 'usage_usec 1234\nuser_usec 1000\n', 'cgroup.events': 'populated 1\nfrozen 0\n' });
    const group = new V2Cgroup(root, 'env');
    writeWord(group, 'frozen');
    expect(text('env', 'cgroup.freeze')).toBe('1');
    expect(group.readings()['frozen']?.value).toBe(false);
    writeFileSync(join(root, 'env', 'cgroup.events'), 'populated 1\nfrozen 1\n');
    expect(group.readings()['frozen']?.value).toBe(true);
    expect(group.readings()['cpuUsageNs']?.value).toBe('1234000');
    writeWord(group, 'thawed');
    expect(text('env', 'cgroup.freeze')).toBe('0');
  });

  it('kills by cgroup.kill and counts out-of-memory kills', async () => {
    makeFiles(join(root, 'env'), files);
    const group = new V2Cgroup(root, 'env');
    await group.kill();
    expect(text('env', 'cgroup.kill')).toBe('1');
    expect(group.outOfMemoryKills()).toBe(2);
  });

  it('takes a group that is gone for removed', async () => {
    await new V2Cgroup(root, 'never').remove();
    await new V2Cgroup(root, 'never').kill();
    expect(new V2Cgroup(root, 'never').processes()).toEqual([]);
  });
});

describe('V1Cgroup', () => {
  const roots = () => Object.fromEntries(v1Controllers.map((controller) => [controller, join(root, controller)])) as V1Roots;

  function makeGroup(): V1Cgroup {
    makeFiles(join(root, 'memory', 'env'), {
      'memory.limit_in_bytes': '',
      'memory.swappiness': '',
      'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
    });
    makeFiles(join(root, 'pids', 'env'), { 'pids.max': '' });
    makeFiles(join(root, 'cpu', 'env'), { 'cpu.cfs_period_us': '', 'cpu.cfs_quota_us': '', 'cpu.cfs_burst_us': '', 'cpu.shares': '' });
    makeFiles(join(root, 'devices', 'env'), { 'devices.deny': '', 'devices.allow': '' });
    makeFiles(join(root, 'freezer', 'env'), { 'freezer.state': 'THAWED' });
    for (const controller of v1Controllers) makeFiles(join(root, controller, 'env'), { 'cgroup.procs': '' });
    return new V1Cgroup(roots(), 'env');
  }

  it('writes every limit and denies all devices first', () => {
    const group = makeGroup();
    group.create({ memorySizeMiB: 128, maxProcesses: 32 });
    expect(text('memory', 'env', 'memory.limit_in_bytes')).toBe(String(128 * 1024 * 1024));
    expect(text('memory', 'env', 'memory.swappiness')).toBe('0');
    expect(text('pids', 'env', 'pids.max')).toBe('32');
    expect(text('cpu', 'env', 'cpu.cfs_period_us')).toBe(String(cpuPeriodUs));
    expect(text('cpu', 'env', 'cpu.shares')).toBe('1024');
    expect(text('cpu', 'env', 'cpu.cfs_burst_us')).toBe('0');
    expect(text('devices', 'env', 'devices.deny')).toBe('a');
    expect(text('devices', 'env', 'devices.allow')).toMatch(/^c \d+:[\d*]+ rwm$/);
  });

  it('gives whom it protects a weight, and limits them in nothing', () => {
    const group = makeGroup();
    group.create();
    group.protect(256);
    expect(text('cpu', 'env', 'cpu.shares')).toBe('10240');
    expect(text('memory', 'env', 'memory.limit_in_bytes')).toBe('');
    expect(text('devices', 'env', 'devices.deny')).toBe('');
    expect(group.oci).toBeUndefined();
  });

  it('attaches under every controller', () => {
    makeGroup().attach(4711);
    for (const controller of v1Controllers) expect(text(controller, 'env', 'cgroup.procs')).toBe('4711');
  });

  it('lifts the CPU quota with -1', () => {
    const group = makeGroup();
    group.setCpuQuota(undefined);
    expect(text('cpu', 'env', 'cpu.cfs_quota_us')).toBe('-1');
  });

  it('hands out its freezer for writing, and tells whether all has stopped', () => {
    const group = makeGroup();
    writeWord(group, 'frozen');
    expect(text('freezer', 'env', 'freezer.state')).toBe('FROZEN');
    expect(group.readings()['frozen']?.value).toBe(true);
    writeFileSync(join(root, 'freezer', 'env', 'freezer.state'), 'FREEZING');
    expect(group.readings()['frozen']?.value).toBe(false);
    writeWord(group, 'thawed');
    expect(text('freezer', 'env', 'freezer.state')).toMatch(/^THAWED/);
  });

  it('counts out-of-memory kills', () => expect(makeGroup().outOfMemoryKills()).toBe(3));

  it('removes nested groups a function could have made below its own', async () => {
    mkdirSync(join(root, 'freezer', 'env', 'nested', 'deeper'), { recursive: true });
    await new V1Cgroup(roots(), 'env').remove();
    expect(existsSync(join(root, 'freezer', 'env'))).toBe(false);
  });
});
