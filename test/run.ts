/**
 * `npm test`: makes this host ready, runs the test projects one after the other (they share the host's cgroups, mounts and two cores), and ends
 * with one plain line. Arguments name projects: `npm test -- unit` needs neither root nor a runtime.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { runtimesDirectory } from './runtimes.ts';

const root = dirname(import.meta.dirname);
const allProjects = ['unit', 'privileged', 'conformance', 'clients'] as const;
type Project = (typeof allProjects)[number];

/** What a stranger's tests may find missing on a host: full test name → reason. Any other skip fails the run. */
const expectedSkips: Readonly<Record<string, string>> = JSON.parse(readFileSync(join(import.meta.dirname, 'expected-skips.json'), 'utf8'));

/** The part of Vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

// Tests start the project's programs by name: the pinned Node must be the first, whatever started this one.
const environment = { ...process.env, PATH: [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter) };

const run = (file: string, args: readonly string[]): boolean => {
  const { status, error } = spawnSync(file, args, { cwd: root, env: environment, stdio: 'inherit' });
  if (error !== undefined) console.error(`${file}: ${error.message}`);
  return status === 0;
};

const chosenProjects = (names: readonly string[]): readonly Project[] => {
  const unknown = names.filter((name) => !allProjects.some((project) => project === name));
  if (unknown.length > 0) {
    console.error(`unknown test project: ${unknown.join(', ')} (there are ${allProjects.join(', ')})`);
    process.exit(2);
  }
  return names.length === 0 ? allProjects : allProjects.filter((project) => names.includes(project));
};

/** Packages, users and directories, then the runtimes, which are built once and kept. */
const makeReady = (): boolean => {
  if (process.geteuid?.() !== 0) {
    console.error('These tests make cgroups, mounts and namespaces, and need root. The unit tests alone do not: npm test -- unit');
    return false;
  }
  const cloister = join(root, 'bin/cloister');
  const dataDirectory = ['--data-dir', runtimesDirectory];
  return run(cloister, ['doctor', '--fix', ...dataDirectory]) && run(cloister, ['runtime', 'build', ...dataDirectory]);
};

const runProject = (project: Project, reportPath: string): Outcome => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
  const succeeded = run(process.execPath, args);
  if (!existsSync(reportPath)) return { passed: 0, failed: 1, skipped: [] };
  const report: Report = JSON.parse(readFileSync(reportPath, 'utf8'));
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  // Files that do not load and errors outside any test fail the run without failing a test.
  const failed = succeeded ? report.numFailedTests : Math.max(1, report.numFailedTests);
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed').map(({ fullName }) => fullName);
  return { passed: report.numPassedTests, failed, skipped };
};

const runProjects = (projects: readonly Project[]): Outcome => {
  if (projects.some((project) => project !== 'unit') && !makeReady()) return { passed: 0, failed: 1, skipped: [] };
  const directory = mkdtempSync(join(tmpdir(), 'cloister-test-report-'));
  try {
    const outcomes = projects.map((project) => runProject(project, join(directory, `${project}.json`)));
    return {
      passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
      failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
      skipped: outcomes.flatMap(({ skipped }) => skipped),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

const { passed, failed, skipped } = runProjects(chosenProjects(process.argv.slice(2)));
for (const name of skipped) console.log(`skipped: ${name}: ${expectedSkips[name] ?? 'UNEXPECTED, no reason in test/expected-skips.json'}`);
const unexpected = skipped.filter((name) => expectedSkips[name] === undefined);
process.exitCode = failed === 0 && unexpected.length === 0 && passed > 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
