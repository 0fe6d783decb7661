import type { Command } from 'commander';
import { dataDirectoryOf } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { becomeProgram, hostProgram } from '../host-program.ts';

const help = `
Examples:
  $ cloister doctor                  # explains what is there and what is not; changes nothing
  $ sudo cloister doctor --fix       # installs packages, loads modules, makes users, devices and directories
  $ cloister doctor --json           # {"checks":[{"id","ok","severity","found","why","fix"}],"ok"}

Exit status 0 when this host can run Cloister, 4 when it can not.`;

/** `cloister doctor`: becomes the program that looks at the host. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('check this host, and mend it with --fix')
    .description('Checks each thing that Cloister needs of this host, says why it needs it and how to mend what is missing.')
    .option('--fix', 'mend what a command can mend, and say what it ran (needs root)')
    .addHelpText('after', help)
    .action((_options, command: Command) => {
      const options = optionsOf<{ readonly fix?: boolean }>(command);
      const args = ['--data-dir', dataDirectoryOf(options)];
      if (options.fix === true) args.push('--fix');
      if (options.json === true) args.push('--json');
      // The probes mount things: in a mount namespace of their own these end with the program, whatever becomes of it.
      becomeProgram(hostProgram('doctor/main', args, { ownMounts: process.geteuid?.() === 0 }));
    });
}
