import { CommanderError } from 'commander';
import { errorLine } from './error-line.ts';
import { exitStatus, exitStatusOf } from './exit-status.ts';
import { note } from './output.ts';
import { cloisterProgram } from './program.ts';

// A reader that has seen enough (`cloister logs | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitStatus.ok : exitStatus.failed));

try {
  await cloisterProgram().parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has said what is wrong; the help it was asked for is no error.
    process.exitCode = error.exitCode === 0 ? exitStatus.ok : exitStatus.usage;
  } else {
    note(`cloister: ${errorLine(error)}`);
    process.exitCode = exitStatusOf(error);
  }
}
