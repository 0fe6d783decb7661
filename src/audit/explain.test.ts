import { describe, expect, it } from 'vitest';
import type { Attempt, Step } from './attack.ts';
import { judgeByGoals } from './explain.ts';
import type { KernelReading } from './kernel-view.ts';

const EPERM = 1;
const x64 = 0xc000_003e;
const mount = 165;

const kernel: KernelReading = {
  pid: 4711,
  initPid: 4700,
  status: { CapEff: '0000000000000000', CapBnd: '0000000000000000', Uid: '1073742817 1 1 1', NoNewPrivs: '1', NSsid: '4711 2' },
  namespaces: { mnt: { inode: '11', ofHost: '1' }, pid: { inode: '12', ofHost: '2' }, ipc: { inode: '3', ofHost: '3' } },
  mounts: [
    { target: '/', type: 'erofs', options: 'ro,nosuid', device: '0:5' },
    { target: '/tmp', type: 'ext4', options: 'rw', device: '7:4' },
  ],
  limits: 'Max open files            1024                 1024                 files',
  routes: 'Iface Destination',
  counters: {},
};

/** A filter that refuses mount with EPERM and lets everything else pass. */
const filter = [
  { code: 0x20, jumpTrue: 0, jumpFalse: 0, operand: 0 },
  { code: 0x15, jumpTrue: 0, jumpFalse: 1, operand: mount },
  { code: 0x06, jumpTrue: 0, jumpFalse: 0, operand: 0x0005_0001 },
  { code: 0x06, jumpTrue: 0, jumpFalse: 0, operand: 0x7fff_0000 },
];

const step = (facts: Partial<Step>): Step => ({ what: 'a call', number: -1, arch: x64, arguments: [], result: -1, errno: 0, goal: false, ...facts });
const attempt = (steps: readonly Step[], facts: Partial<Attempt> = {}): Attempt => ({
  inside: { steps, facts: {}, ended: { status: 0, signal: 0, timedOut: false } },
  outside: { before: kernel, after: kernel },
  filters: [filter],
  ...facts,
});

describe('judgeByGoals()', () => {
  it('names the filter only where it gives the errno that was seen', () => {
    const refused = judgeByGoals(attempt([step({ what: 'mount', number: mount, errno: EPERM })]));
    expect(refused).toMatchObject({ blocked: true, stoppedBy: 'seccomp' });
    expect(refused.evidence).toMatch(/mount: EPERM — .*pid 4711 \(4 instructions\)/);
    expect(judgeByGoals(attempt([step({ what: 'mount', number: mount, errno: 22 })])).stoppedBy).toBe('the kernel (EINVAL)');
  });

  it('falls back to privileges when no filter answers', () => {
    const verdict = judgeByGoals(attempt([step({ what: 'mount', number: mount, errno: EPERM })], { filters: [] }));
    expect(verdict).toMatchObject({ blocked: true, stoppedBy: 'no privilege' });
    expect(verdict.evidence).toContain('CapEff 0000000000000000');
  });

  it('says that a goal was reached, also when others were missed', () => {
    const verdict = judgeByGoals(attempt([step({ errno: EPERM }), step({ what: 'the way out', result: 3, goal: true })]));
    expect(verdict).toEqual({ blocked: false, stoppedBy: 'nothing', evidence: 'reached: the way out → 3' });
  });

  it('does not take the errno of a filter for an answer of the kernel', () => {
    const number = mount;
    const refusedOtherwise = [{ ...filter[0] }, { ...filter[1] }, { ...filter[2], operand: 0x0005_0061 }, { ...filter[3] }] as typeof filter;
    const verdict = judgeByGoals(attempt([step({ what: 'mount', number, errno: 0x61, goal: true })], { filters: [refusedOtherwise] }));
    expect(verdict).toMatchObject({ blocked: true, stoppedBy: 'seccomp' });
  });

  it('never takes silence for a wall', () => {
    const ended = { steps: [], facts: {}, ended: { status: -1, signal: 9, timedOut: false } };
    expect(judgeByGoals(attempt([], { inside: ended }))).toMatchObject({ blocked: false, stoppedBy: 'unknown' });
    expect(judgeByGoals(attempt([step({ goal: null, result: 0 })]))).toMatchObject({ blocked: false, stoppedBy: 'unknown' });
  });

  it('finds the mount, the namespace and the limit behind an errno', () => {
    expect(judgeByGoals(attempt([step({ what: '/usr/x', errno: 30 })]))).toMatchObject({
      stoppedBy: 'read-only mounts',
      evidence: expect.stringContaining('/ is erofs ro'),
    });
    expect(judgeByGoals(attempt([step({ what: 'kill', errno: 3 })]))).toMatchObject({
      stoppedBy: 'pid namespace',
      evidence: expect.stringContaining('pid:[12]'),
    });
    expect(judgeByGoals(attempt([step({ what: '/etc/hostname-of-nobody', errno: 2 })]))).toMatchObject({ stoppedBy: 'not there' });
    expect(judgeByGoals(attempt([step({ what: 'open', errno: 24 })]))).toMatchObject({
      evidence: expect.stringContaining('Max open files 1024 1024'),
    });
  });

  it('does not name a namespace that is the host’s', () => {
    expect(judgeByGoals(attempt([step({ what: "shmget: the neighbour's", errno: 2 })])).stoppedBy).not.toBe('ipc namespace');
  });
});
