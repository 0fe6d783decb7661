import { resolve } from 'node:path';
import type { Command } from 'commander';
import { dataDirectoryOf } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { becomeProgram, hostProgram } from '../host-program.ts';

const help = `
Examples:
  $ sudo cloister audit                        # attacks throw-away environments of this host, a line per attack
  $ sudo cloister audit --report audit.html    # and one self-contained page
  $ sudo cloister audit --json                 # {"attacks":[{"id","wall","attempted","blocked","stoppedBy","evidence"}],"passed","failed"}

It starts a Cloister of its own on a free port, with the runtime provided.al2023 of --data-dir; what runs already is not touched.
Exit status 0 when every attack was blocked, 1 when one got anywhere, 4 when the host is not fit.`;

/** `cloister audit`: becomes the program that attacks from inside and reads the kernel from outside. */
export function registerAudit(program: Command): void {
  program
    .command('audit')
    .summary('attack throw-away environments from inside, and show what stops each attack (needs root)')
    .description(
      'Starts throw-away environments of two accounts, attacks from inside, and shows what stopped each attack with the kernel’s evidence.',
    )
    .option('--driver <name>', 'the driver to audit', 'oci')
    .option('--report <file>', 'also write a self-contained HTML page')
    .addHelpText('after', help)
    .action((_options, command: Command) => {
      const options = optionsOf<{ readonly driver: string; readonly report?: string }>(command);
      const args = ['--data-dir', dataDirectoryOf(options), '--driver', options.driver];
      if (options.report !== undefined) args.push('--report', resolve(options.report));
      if (options.json === true) args.push('--json');
      becomeProgram(hostProgram('audit/main', args));
    });
}
