import { parseArgs } from 'node:util';
import { isFit, runChecks } from './check.ts';
import { hostChecks } from './host-checks.ts';
import { mend } from './mend.ts';
import { findingLines, findingsAsJson } from './report.ts';

/** The program behind `cloister doctor`. Exit statuses: 0 fit, 2 usage, 4 unfit, whatever of the mending failed. */
const exitStatus = { fit: 0, usage: 2, unfit: 4 } as const;

process.exitCode = await doctor(process.argv.slice(2));

async function doctor(args: readonly string[]): Promise<number> {
  const { 'data-dir': dataDirectory, fix, json } = options(args);
  const checks = hostChecks(dataDirectory);
  const isRoot = process.geteuid?.() === 0;
  let findings = await runChecks(checks, { isRoot });
  if (fix && findings.some((finding) => !finding.ok)) {
    if (!isRoot) {
      console.error('cloister: "doctor --fix" needs root; try: sudo cloister doctor --fix');
      return exitStatus.unfit;
    }
    await mend(findings, (line) => console.error(line), { measure: (broken) => runChecks(broken, { isRoot }) });
    findings = await runChecks(checks, { isRoot });
  }
  const text = json
    ? [JSON.stringify(findingsAsJson(findings))]
    : findingLines(findings, { colour: process.stdout.isTTY === true && !process.env['NO_COLOR'] });
  process.stdout.write(`${text.join('\n')}\n`);
  return isFit(findings) ? exitStatus.fit : exitStatus.unfit;
}

function options(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'data-dir': { type: 'string', default: '/var/lib/cloister' },
        fix: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    console.error(`cloister: ${(error as Error).message}`);
    process.exit(exitStatus.usage);
  }
}
