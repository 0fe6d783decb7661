import { describe, expect, it } from 'vitest';
import type { AuditReport } from './audit.ts';
import { htmlReport } from './html-report.ts';
import { attackLine, painter, summaryLines } from './text-report.ts';

const attack = {
  id: 'seccomp.mounts',
  wall: 'seccomp',
  what: 'mount',
  attempted: true,
  blocked: true,
  stoppedBy: 'seccomp',
  controls: ['seccomp'],
  durationMs: 3,
} as const;
const report: AuditReport = {
  attacks: [
    { ...attack, evidence: 'mount: EPERM — a <filter> & more' },
    {
      ...attack,
      id: 'escapes.way',
      wall: 'escapes',
      blocked: false,
      stoppedBy: 'nothing',
      evidence: 'reached: out',
      neighbour: { invocations: 9, wrong: 0, p50Ms: 2, p99Ms: 5 },
    },
    { ...attack, id: 'escapes.sysrq', wall: 'escapes', attempted: false, controls: [], evidence: 'ENOENT' },
  ],
  passed: 1,
  failed: 1,
  notAttempted: 1,
  kernel: '6.18',
  hostName: 'host',
  machine: '2 processors, 24 GiB',
  controlsSeenOn: '6.18',
  quietNeighbour: { invocations: 9, wrong: 0, p50Ms: 1, p99Ms: 4 },
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 30_000,
};

describe('htmlReport()', () => {
  const page = htmlReport(report);

  it('has a row for each attack, and escapes what came from inside', () => {
    expect(page.match(/<article/g)).toHaveLength(3);
    expect(page).toContain('a &lt;filter&gt; &amp; more');
    expect(page).not.toContain('<filter>');
  });

  it('needs nothing from anywhere', () => {
    expect(page).not.toMatch(/<script|<link|<img|url\(|https?:/);
  });

  it('names the outcome in its title', () => {
    expect(page).toContain('<title>Cloister audit: 1 blocked, 1 got through</title>');
  });
});

describe('attackLine()', () => {
  it('says in one line without colour what was tried, what stopped it and the evidence', () => {
    const lines = report.attacks.map((one) => attackLine(one, painter(false)));
    expect(lines[0]).toMatch(/^ {2}blocked +seccomp\.mounts +mount: stopped by seccomp +\[mount: EPERM — a <filter> & more\]$/);
    expect(lines[1]).toMatch(/^ {2}REACHED .* got through/);
    expect(lines[2]).toMatch(/^ {2}unproven /);
  });
});

describe('summaryLines()', () => {
  it('counts, and says why some do not count', () => {
    const text = summaryLines(report, painter(false)).join('\n');
    expect(text).toMatch(/1 passed, 1 failed, 1 not attempted, in 30 s\. 1 attack got somewhere\./);
    expect(text).toMatch(/nobody has seen the same code succeed/);
  });
});
