import { describe, expect, it } from 'vitest';
import { evidenceLines } from './evidence-report.ts';

const evidence = {
  id: 'env-0123456789abcdef',
  pids: [41, 42],
  walls: {
    namespaces: { pid: { value: 4026532001, readFrom: '/proc/42/ns/pid' }, user: { value: 4026532002, readFrom: '/proc/42/ns/user' } },
    rootfs: { mounts: { value: { '/': 'erofs ro', '/tmp': 'ext4 rw' }, readFrom: '/proc/42/mountinfo' } },
  },
};

describe('evidenceLines()', () => {
  it('gives every value of a fact a line with the file it was read from', () => {
    const lines = evidenceLines(evidence);
    expect(lines).toContain('namespaces');
    expect(lines.find((line) => line.includes('4026532001'))).toMatch(/pid .*\/proc\/42\/ns\/pid$/);
    expect(lines.filter((line) => line.endsWith('/proc/42/mountinfo'))).toHaveLength(2);
  });
});
