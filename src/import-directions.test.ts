import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = dirname(import.meta.dirname);
const configuration = join(root, '.dependency-cruiser.mjs');
const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');

interface Cruise {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { readonly from: string; readonly to: string; readonly rule: { readonly name: string } }[];
  };
}

const cruise = (directory: string): Cruise => {
  const args = [program, '--config', configuration, '--output-type', 'json', 'src'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8', maxBuffer: 100_000_000 });
  expect(stderr).not.toMatch(/ERROR/);
  return JSON.parse(stdout);
};

/** Per rule: a file that breaks it, and what the file says. */
const breaches: Readonly<Record<string, readonly [file: string, text: string]>> = {
  'no-cycles': ['src/invoke/cycle-back.ts', `import './cycle.ts';`],
  'daemon-side-reaches-no-kernel': ['src/runtime-api/far.ts', `import '../middle.ts';`],
  'daemon-side-reaches-no-root-code': ['src/control-api/root.ts', `import type { X } from '../agent/verbs.ts';`],
  'koffi-only-in-linux': ['src/agent/calls.ts', `import 'koffi';`],
  'processes-only-from-linux': ['src/agent/starts.ts', `import { spawn } from 'node:child_process';`],
  'control-api-to-invoke-to-environment': ['src/invoke/up.ts', `import '../daemon/main.ts';`],
  'nothing-below-the-control-api-knows-it': ['src/environment/edge.ts', `import type { X } from '../control-api/leaf.ts';`],
  'environment-does-not-know-invoke': ['src/environment/up.ts', `import type { X } from '../invoke/leaf.ts';`],
  'runtime-api-knows-environments-by-a-port': ['src/runtime-api/no-port.ts', `import type { X } from '../environment/leaf.ts';`],
  'functions-and-errors-import-nothing': ['src/functions/reads.ts', `import 'node:fs';`],
  'isolation-siblings-apart': ['src/isolation/cgroup/sibling.ts', `import type { X } from '../network/leaf.ts';`],
  'walls-know-no-driver': ['src/isolation/rootfs/up.ts', `import '../../drivers/leaf.ts';`],
  'linux-knows-nobody': ['src/linux/knows.ts', `import '../isolation/network/leaf.ts';`],
  'cli-talks-http': ['src/cli/short-cut.ts', `import '../agent/leaf.ts';`],
  'builder-stands-alone': ['src/agent/builder/leans.ts', `import '../leaf.ts';`],
  'builder-shares-its-report-only': ['src/agent/peeks.ts', `import './builder/leaf.ts';`],
  'audit-stands-outside': ['src/audit/leans.ts', `import '../isolation/network/leaf.ts';`],
  'nobody-leans-on-the-audit': ['src/agent/asks-the-audit.ts', `import '../audit/leaf.ts';`],
  'tests-are-imported-by-nobody': ['src/agent/uses-test.ts', `import './some.test.ts';`],
  'no-orphans': ['src/agent/orphan.ts', 'export const nobody = 1;'],
  'not-resolvable': ['src/agent/lost.ts', `import './nowhere.ts';`],
  'no-development-packages': ['src/agent/develops.ts', `import 'fast-check';`],
};

const leaves = [
  'src/agent/leaf.ts',
  'src/agent/verbs.ts',
  'src/agent/some.test.ts',
  'src/agent/builder/leaf.ts',
  'src/audit/leaf.ts',
  'src/control-api/leaf.ts',
  'src/daemon/main.ts',
  'src/drivers/leaf.ts',
  'src/environment/leaf.ts',
  'src/invoke/leaf.ts',
  'src/isolation/network/leaf.ts',
  'src/linux/leaf.ts',
];

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cloister-imports-'));
  const files: readonly (readonly [string, string])[] = [
    ...Object.values(breaches),
    ...leaves.map((leaf) => [leaf, 'export type X = 1;\nexport const leaf = 1;'] as const),
    ['src/invoke/cycle.ts', `import './cycle-back.ts';`],
    ['src/middle.ts', `import type { X } from './linux/leaf.ts';`],
  ];
  for (const [file, text] of files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), `${text}\n`);
  }
  copyFileSync(join(root, 'package.json'), join(directory, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('import directions', () => {
  it('hold for the sources, all of which are seen', () => {
    const { summary } = cruise(root);
    expect(summary.totalCruised).toBeGreaterThan(100);
    expect(summary.violations.map(({ from, to, rule }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
  }, 60_000);

  it('have a proof for each rule', async () => {
    const rules: { readonly default: { readonly forbidden: readonly { readonly name: string }[] } } = await import(configuration);
    expect(Object.keys(breaches).sort()).toEqual(rules.default.forbidden.map(({ name }) => name).sort());
  });

  it('find each breach in a tree that breaks them all', () => {
    const found = cruise(directory).summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`);
    for (const [rule, [file]] of Object.entries(breaches)) expect(found).toContain(`${rule}: ${file}`);
  }, 60_000);
});
