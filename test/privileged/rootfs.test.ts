import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/evidence.ts';
import { maskedPaths, readOnlyPaths } from '../../src/isolation/rootfs/hidden-paths.ts';
import { linkRuntimes } from '../runtimes.ts';
import { buildImage, type Claimed, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const accountId = '123456789012';
const functionUser = 993;
const writable = ['sys/kernel/core_pattern', 'sys/kernel/modprobe', 'sys/vm/overcommit_memory', 'sysrq-trigger', 'bus', 'irq/default_smp_affinity'];
const devices = ['full', 'null', 'random', 'tty', 'urandom', 'zero'];

/** Reads every covered path, tries to write and to uncover, and lists /dev; then waits. Each line is `what: answer`. */
const bootstrap = `#!/bin/bash
for p in ${maskedPaths.join(' ')}; do
  [ -e /proc/$p ] || continue
  if [ -d /proc/$p ]; then echo "read $p: $(ls -A /proc/$p 2>&1 | wc -c)"; else echo "read $p: $(cat /proc/$p 2>&1 | wc -c)"; fi
  (echo x > /proc/$p) 2>/dev/null && echo "wrote $p"
done
for p in ${writable.join(' ')}; do (echo x > /proc/$p) 2>/dev/null && echo "wrote $p"; done
umount /proc/vmstat 2>/dev/null && echo uncovered
mount -o remount,rw /proc/sys 2>/dev/null && echo remounted
mount --bind /proc/self/environ /proc/vmstat 2>/dev/null && echo bound
ln -s /proc/self/environ /dev/null2 2>/dev/null && echo linked
rm /dev/null 2>/dev/null && echo removed
mknod /tmp/disk b 7 0 2>/dev/null && echo made
echo x > /dev/null && echo "null: written"
echo "random: $(head -c 8 /dev/urandom | wc -c)"
(echo x > /dev/full) 2>/dev/null || echo "full: ENOSPC"
(exec 3< /dev/tty) 2>/dev/null || echo "tty: none"
echo "devices: $(ls -A /dev | tr '\\n' ' ')"
echo "sys: $(ls -A /sys | wc -l)"
printf '#!/bin/sh\\necho ran\\n' > /tmp/program; chmod 755 /tmp/program; echo "tmp: $(/tmp/program)"
echo DONE
while :; do sleep 1000; done
`;

interface Mount {
  readonly target: string;
  readonly options: readonly string[];
  readonly propagation: string;
  readonly type: string;
  readonly source: string;
  readonly root: string;
}

describe('the root file system of an environment', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-rootfs-'));
  let daemon: RawDaemon;
  let claimed: Claimed;
  let neighbour: Claimed;
  let mounts: readonly Mount[];
  let pid: number;

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    daemon = RawDaemon.start(dataDirectory);
    const codeDigest = await buildImage(daemon, accountId, { bootstrap });
    const layers = [await buildImage(daemon, accountId, { one: '1' }), await buildImage(daemon, accountId, { two: '2' })];
    [claimed, neighbour] = [
      await claimEnvironment(daemon, { accountId, codeDigest, layers }),
      await claimEnvironment(daemon, { accountId, codeDigest }),
    ];
    for (const { environmentId } of [claimed, neighbour])
      await daemon.request('start', { environmentId, process: { kind: 'runtime' }, environment: { PATH: '/usr/sbin:/usr/bin' } });
    await Promise.all([claimed.said('DONE'), neighbour.said('DONE')]);
    pid = await functionPid(claimed);
    mounts = readMounts(pid);
  });

  afterAll(async () => {
    for (const one of [claimed, neighbour]) {
      await daemon.request('destroy', { id: one.environmentId });
      one[Symbol.dispose]();
    }
    await daemon[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true });
  });

  async function functionPid({ environmentId }: Claimed): Promise<number> {
    const { pids } = (await daemon.request('evidence', { environmentId })).result as unknown as Evidence;
    return pids.find((one) => readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('bootstrap')) ?? expect.fail('the function does not run');
  }

  it('has every mount private and nosuid, and nodev, noexec and read-only wherever it can be', () => {
    expect(mounts.length).toBeGreaterThan(12);
    for (const { target, options, propagation } of mounts) {
      expect(propagation, target).toBe('');
      expect(options, target).toContain('nosuid');
      if (target !== '/dev') expect(options, target).toContain('nodev');
      if (!['/', '/tmp', '/var/task', '/opt'].includes(target)) expect(options, target).toContain('noexec');
      expect(options.includes('rw'), target).toBe(['/tmp', '/proc'].includes(target));
    }
  });

  it('shows nothing of the host in mountinfo: neither its directories nor its devices', () => {
    const sources = new Set(mounts.map(({ type, source }) => `${type} ${source}`));
    expect([...sources].toSorted()).toEqual(['erofs image', 'ext4 tmp', 'overlay layers', 'proc proc', 'tmpfs dev', 'tmpfs hidden']);
    for (const { type, root, target } of mounts) {
      const expected = type === 'proc' ? target.replace(/^\/proc/, '') || '/' : type === 'ext4' ? '/tmp' : undefined;
      if (expected === undefined) expect(root).toMatch(/^\/(file|directory)?$/);
      else expect(root).toBe(expected);
    }
    expect(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')).not.toMatch(/cloister|loop|\/run\/|\/var\/lib|devtmpfs|lowerdir=\//);
  });

  it('covers what tells of the host and of neighbours, and none of it can be written or uncovered', () => {
    const read = [...claimed.output.matchAll(/^read (\S+): (\d+)$/gm)];
    expect(read.length).toBeGreaterThan(10);
    for (const [, path, bytes] of read) expect(bytes, path).toBe('0');
    expect(readFileSync('/proc/vmstat', 'utf8').length).toBeGreaterThan(0);
    expect(claimed.output).not.toMatch(/wrote|uncovered|remounted|bound|linked|removed|made/);
    const covered = mounts.filter(({ source }) => source === 'hidden').map(({ target }) => target.replace('/proc/', ''));
    expect([...new Set(covered)].toSorted()).toEqual(read.map(([, path]) => path));
    for (const path of readOnlyPaths.filter((one) => one !== 'sysrq-trigger')) expect(mounts.map(({ target }) => target)).toContain(`/proc/${path}`);
  });

  it('has devices of its own that work, and no /sys', () => {
    expect(claimed.output).toContain('null: written\nrandom: 8\nfull: ENOSPC\ntty: none\n');
    expect(claimed.output).toContain(`devices: ${[...devices, 'fd', 'stderr', 'stdin', 'stdout'].toSorted().join(' ')} \n`);
    expect(claimed.output).toContain('sys: 0\n');
  });

  it('shares no device node with the host or a neighbour: a lock or a watch on one is felt by nobody', async () => {
    const other = await functionPid(neighbour);
    for (const name of devices) {
      const inodes = ['/dev', `/proc/${pid}/root/dev`, `/proc/${other}/root/dev`].map((directory) => statSync(join(directory, name)));
      expect(new Set(inodes.map(({ dev }) => dev)).size, name).toBe(3);
      expect(inodes.every(({ rdev }) => rdev === inodes[0]?.rdev)).toBe(true);
    }
  });

  it('lets /tmp be executed from, as Lambda does, and belongs to the ids of its slot', () => {
    expect(claimed.output).toContain('tmp: ran\n');
    const first = Number(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/)[1]);
    expect(first).toBeGreaterThanOrEqual(0x4000_0000);
    for (const path of ['/', '/usr/bin/bash', '/var/task/bootstrap', '/opt/one', '/dev/null'])
      expect(statSync(`/proc/${pid}/root${path}`).uid, path).toBe(first);
    expect(statSync(`/proc/${pid}/root/tmp/program`).uid).toBe(first + functionUser);
  });

  it('leaves no mount of its set-up with the agent: root, /dev and cover are the environment’s alone', () => {
    const left = readFileSync(`/proc/${daemon.agent.pid}/mountinfo`, 'utf8').split('\n');
    expect(left.filter((line) => /slot-\d+\/(root|dev|tmp|hidden|opt|layer-\d+) /.test(line))).toEqual([]);
  });
});

function readMounts(pid: number): Mount[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', target = '', options = '', ...propagation] = before.split(' ');
    const [type = '', source = ''] = after.split(' ');
    return { target, root, options: options.split(','), propagation: propagation.join(' '), type, source };
  });
}
