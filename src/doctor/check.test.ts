import { describe, expect, it } from 'vitest';
import { type Check, isFit, type Measurement, runChecks, type Severity } from './check.ts';
import { isAtLeast } from './checks/kernel-version.ts';
import { findUser } from './checks/service-users.ts';
import { findingLines, findingsAsJson } from './report.ts';

function check(id: string, severity: Severity, measure: () => Measurement): Check {
  return { id, severity, why: `why ${id}`, fix: `fix ${id}`, measure };
}

const good = check('good', 'required', () => ({ ok: true, found: 'there' }));
const optional = check('optional', 'advice', () => ({ ok: false, found: 'absent' }));
const asRoot = { isRoot: true };
const broken = check('broken', 'required', () => {
  throw new Error('the probe\nfailed');
});

describe('runChecks()', () => {
  it('takes a probe that throws for a failed check', async () => {
    expect(await runChecks([good, broken], asRoot)).toEqual([
      { check: good, measured: true, ok: true, found: 'there' },
      { check: broken, measured: true, ok: false, found: 'the probe: failed' },
    ]);
  });
});

describe('runChecks() without root', () => {
  it('does not guess what it can not measure', async () => {
    const probe = { ...good, needsRoot: true };
    const findings = await runChecks([probe], { isRoot: false });
    expect(findings).toEqual([{ check: probe, measured: false, ok: false, found: 'not measured: this takes root' }]);
    expect(isFit(findings)).toBe(false);
    expect(findingLines(findings, { colour: false })[0]).toMatch(/^unknown {2}good/);
  });
});

describe('isFit()', () => {
  it('asks for what is required only', async () => {
    expect(isFit(await runChecks([good, optional], asRoot))).toBe(true);
    expect(isFit(await runChecks([good, optional, broken], asRoot))).toBe(false);
  });
});

describe('the report', () => {
  it('has the fields that scripts rely on', async () => {
    expect(findingsAsJson(await runChecks([optional], asRoot))).toEqual({
      checks: [{ id: 'optional', ok: false, severity: 'advice', found: 'absent', why: 'why optional', fix: 'fix optional' }],
      ok: true,
    });
  });

  it('explains only what is not well', async () => {
    const lines = findingLines(await runChecks([good, broken], asRoot), { colour: false }).join('\n');
    expect(lines).toContain('fix: fix broken');
    expect(lines).not.toContain('fix good');
    expect(lines).toContain('1 of 2 checks failed');
  });
});

describe('isAtLeast()', () => {
  it('compares major and minor as numbers', () => {
    expect(isAtLeast('6.1.0-18-amd64', [5, 19])).toBe(true);
    expect(isAtLeast('5.19', [5, 19])).toBe(true);
    expect(isAtLeast('5.4.0', [5, 19])).toBe(false);
  });
});

describe('findUser()', () => {
  it('finds a user by its whole name', () => {
    const passwd = 'cloister-builder:x:995:994::/nonexistent:/usr/sbin/nologin\n';
    expect(findUser(passwd, 'cloister')).toBeUndefined();
    expect(findUser(passwd, 'cloister-builder')).toEqual({ uid: 995, shell: '/usr/sbin/nologin' });
  });
});
