import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allAttacks } from '../../src/audit/all-attacks.ts';
import type { AuditReport } from '../../src/audit/audit.ts';
import { readPositiveControls } from '../../src/audit/positive-controls.ts';
import { runtimesDirectory } from '../runtimes.ts';

const cloister = fileURLToPath(new URL('../../bin/cloister', import.meta.url));

/** The audit as its user runs it, on the walls as they are. */
describe('cloister audit', () => {
  let report: AuditReport;
  let status: number;
  let page: string;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'audit-report-'));
    const file = join(directory, 'audit.html');
    const child = spawn(cloister, ['audit', '--json', '--report', file, '--data-dir', runtimesDirectory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [output, [code]] = await Promise.all([buffer(child.stdout), once(child, 'exit')]);
    report = JSON.parse(output.toString()) as AuditReport;
    status = code as number;
    page = readFileSync(file, 'utf8');
  }, 180_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('makes every attack, and none gets anywhere', () => {
    expect(report.attacks.map(({ id }) => id).toSorted()).toEqual(allAttacks.map(({ id }) => id).toSorted());
    expect(report.attacks.filter(({ blocked }) => !blocked)).toEqual([]);
    expect({ status, failed: report.failed }).toEqual({ status: 0, failed: 0 });
  });

  it('counts exactly those whose positive control was seen', () => {
    const { controls } = readPositiveControls();
    for (const { id, attempted } of report.attacks) expect(attempted, id).toBe(controls[id] !== undefined);
    expect(report.passed + report.notAttempted).toBe(report.attacks.length);
  });

  it('says for each what stopped it and where the kernel says so', () => {
    for (const { id, stoppedBy, evidence } of report.attacks) {
      expect(stoppedBy, id).toMatch(/\w/);
      expect(evidence, id).toMatch(/\/proc\/|\/sys\/|pid \d+|host/);
    }
  });

  it('gives every answer of the neighbour rightly while bombs run', () => {
    const timed = report.attacks.flatMap(({ neighbour }) => neighbour ?? []);
    expect(timed.length).toBeGreaterThanOrEqual(8);
    for (const { wrong } of timed) expect(wrong).toBe(0);
  });

  it('writes a page with a row for each', () => {
    expect(page.match(/<article/g)).toHaveLength(report.attacks.length);
  });
});
