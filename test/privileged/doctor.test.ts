import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const cloister = fileURLToPath(new URL('../../bin/cloister', import.meta.url));
const timeoutMs = 120_000;
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloister-doctor-test-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a shell script as root in a mount namespace of its own: what it does to /etc, /dev and /sys is gone with it. */
function inOwnMounts(script: string): Promise<Run> {
  return new Promise((resolve) => {
    execFile('unshare', ['--mount', '--propagation', 'private', '--', 'sh', '-ec', script], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}

/** A copy of /etc over /etc, without the users that Cloister makes; no /dev/net/tun. */
const breakHost = (scratch: string) => `
  mkdir ${scratch}
  mount -t tmpfs cloister-doctor-etc ${scratch}
  cp -a /etc/. ${scratch}
  mount --bind ${scratch} /etc
  sed -i '/^cloister/d' /etc/passwd /etc/shadow /etc/group /etc/gshadow
  mount -t tmpfs cloister-doctor-net /dev/net`;

describe('cloister doctor --fix', () => {
  it(
    'mends users, devices and the data directory, says what it ran, and has nothing to do the second time',
    async () => {
      const dataDir = join(directory, 'new', 'data');
      const doctor = `${cloister} doctor --json --data-dir ${dataDir}`;
      const { status, stdout, stderr } = await inOwnMounts(`${breakHost(join(directory, 'etc'))}
        ${doctor} && exit 99
        ${doctor} --fix
        echo 'THE SECOND TIME' >&2
        ${doctor} --fix
        id -u cloister >/dev/null && id -u cloister-builder >/dev/null && test -c /dev/net/tun`);
      expect({ status, stderr }).toMatchObject({ status: 0 });
      const [before, first, second] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)) as {
        ok: boolean;
        checks: { id: string; ok: boolean }[];
      }[];
      const broken = (report: typeof before) => report?.checks.filter(({ ok }) => !ok).map(({ id }) => id);
      expect(broken(before)).toEqual(expect.arrayContaining(['user-cloister', 'user-cloister-builder', 'uplink', 'data-directory']));
      expect([before?.ok, first?.ok, second?.ok]).toEqual([false, true, true]);
      for (const id of broken(before) ?? []) expect(broken(first)).not.toContain(id);
      const [said, saidAgain] = stderr.split('THE SECOND TIME\n');
      for (const command of [
        /ran useradd --system --user-group .* cloister$/m,
        /ran useradd .* cloister-builder$/m,
        /ran mknod -m 600 \/dev\/net\/tun c 10 200$/m,
        /ran install -d -m 755 -o root -g root /,
      ])
        expect(said).toMatch(command);
      expect(said).toMatch(/^user-cloister: the daemon, which reads what strangers send/m);
      expect(saidAgain).toBe('');
      expect(statSync(dataDir)).toMatchObject({ uid: 0, gid: 0 });
    },
    timeoutMs,
  );

  it(
    'mounts control groups only where there are none',
    async () => {
      const { stdout, stderr } = await inOwnMounts(`
        umount --lazy --recursive /sys/fs/cgroup
        ${cloister} doctor --fix --json --data-dir ${join(directory, 'new', 'data')} || true
        grep -c ' - cgroup2 ' /proc/self/mountinfo
        ${cloister} doctor --fix --json --data-dir ${join(directory, 'new', 'data')} || true
        grep -c ' - cgroup2 ' /proc/self/mountinfo`);
      expect(stderr).toMatch(/ran mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 \/sys\/fs\/cgroup$/m);
      expect(stdout.split('\n').filter((line) => /^\d+$/.test(line))).toEqual(['1', '1']);
    },
    timeoutMs,
  );

  it(
    'leaves a directory, a user and a shared place that may be somebody’s as they are',
    async () => {
      const theirs = join(directory, 'theirs');
      const shared = join(directory, 'shared');
      for (const [path, mode] of [
        [theirs, 0o777],
        [shared, 0o1777],
      ] as const) {
        mkdirSync(path);
        chmodSync(path, mode);
      }
      writeFileSync(join(theirs, 'letter'), '');
      const { status, stderr } = await inOwnMounts(`${breakHost(join(directory, 'etc-2'))}
        echo 'cloister:x:4711:4711::/nonexistent:/bin/bash' >> /etc/passwd
        ${cloister} doctor --fix --data-dir ${theirs} >/dev/null || test $? = 4
        grep '^cloister:x:4711:4711::/nonexistent:/bin/bash$' /etc/passwd >/dev/null
        ${cloister} doctor --fix --data-dir ${shared} >/dev/null || exit $?`);
      expect({ status, stderr }).toMatchObject({ status: 4 });
      expect(stderr).toMatch(/data-directory could not be mended: .*it holds letter/);
      expect(stderr).toMatch(/data-directory could not be mended: it is shared by all users/);
      expect(stderr).toMatch(/user-cloister could not be mended: there is a user cloister already/);
      expect([statSync(theirs).mode & 0o7777, statSync(shared).mode & 0o7777]).toEqual([0o777, 0o1777]);
    },
    timeoutMs,
  );

  it(
    'goes on where the kernel refuses a user namespace, as it does in a changed root',
    async () => {
      const root = join(directory, 'root');
      const { status, stdout, stderr } = await inOwnMounts(`
        mkdir ${root}
        mount --rbind / ${root}
        chroot ${root} ${cloister} doctor --json --data-dir ${join(directory, 'new', 'data')}`);
      expect({ status, stderr }).toEqual({ status: 4, stderr: '' });
      const { checks } = JSON.parse(stdout) as { checks: { id: string; ok: boolean; found: string }[] };
      expect(checks.find(({ id }) => id === 'user-and-time-namespace')).toMatchObject({ ok: false, found: 'unshare ended with status 1' });
    },
    timeoutMs,
  );
});
