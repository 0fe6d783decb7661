import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { hostProgram } from '../cli/host-program.ts';
import { CloisterError } from '../errors.ts';
import type { Wall } from './attack.ts';
import { audit } from './audit.ts';
import { htmlReport } from './html-report.ts';
import { readPositiveControls } from './positive-controls.ts';
import { attackLine, painter, summaryLines } from './text-report.ts';

/** The program behind `cloister audit`. Exit statuses: 0 all blocked, 1 an attack got somewhere or could not be judged, 2 usage, 4 the host is not fit. */
const exitStatus = { blocked: 0, reached: 1, usage: 2, unfit: 4 } as const;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`cloister: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof CloisterError && error.code === 'HostUnfit' ? exitStatus.unfit : exitStatus.reached;
}
process.exit();

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options.driver !== 'oci') {
    console.error(`cloister: there is no driver ${options.driver} to audit; there is oci`);
    return exitStatus.usage;
  }
  if (process.geteuid?.() !== 0) {
    throw new CloisterError(
      'HostUnfit',
      '"cloister audit" needs root: it starts environments and reads the kernel from outside; try: sudo cloister audit',
      {
        operation: 'audit',
      },
    );
  }
  const paint = painter(process.stdout.isTTY === true && !process.env['NO_COLOR']);
  let heading: Wall | undefined;
  const report = await audit({
    program: hostProgram('agent/main', [], { ownMounts: true, asAgent: true }),
    runtimesFrom: options['data-dir'],
    controls: readPositiveControls(),
    progress: progressLine(),
    onAttack: (attack) => {
      if (options.json) return;
      clearProgress();
      if (attack.wall !== heading) console.log(paint('bold', attack.wall));
      heading = attack.wall;
      console.log(attackLine(attack, paint));
    },
  });
  clearProgress();
  if (options.report !== undefined) writeFileSync(options.report, htmlReport(report));
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else console.log(summaryLines(report, paint).join('\n'));
  return report.failed === 0 ? exitStatus.blocked : exitStatus.reached;
}

/** On a terminal one line that changes; else a line for each of the first steps, which take longest. */
function progressLine(): (line: string) => void {
  return (line) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line} …`);
    else if (!line.includes('.')) console.error(`${line} …`);
  };
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
}

function readOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'data-dir': { type: 'string', default: '/var/lib/cloister' },
        driver: { type: 'string', default: 'oci' },
        json: { type: 'boolean', default: false },
        report: { type: 'string' },
      },
    }).values;
  } catch (error) {
    console.error(`cloister: ${(error as Error).message}`);
    process.exit(exitStatus.usage);
  }
}
