import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { CloisterError } from '../errors.ts';
import type { Progress } from '../runtimes/progress.ts';
import { installPackages } from './mend-packages.ts';
import { runMendingCommand } from './mending-command.ts';

const modprobePaths = ['/usr/sbin/modprobe', '/sbin/modprobe'];

/** Loads modules of the running kernel. Rejects where there are none to load: in a container they are the host's. */
export async function loadModules(names: readonly string[], say: Progress): Promise<void> {
  const directory = join('/lib/modules', release());
  if (!existsSync(directory)) {
    throw new CloisterError('HostUnfit', `there is no ${directory}: the kernel must have them built in, or its own host must load them`, {
      operation: 'load modules',
    });
  }
  if (!modprobePaths.some((path) => existsSync(path))) await installPackages(['kmod'], say);
  for (const name of names) {
    try {
      say(`  ran ${await runMendingCommand('modprobe', ['--', name])}`);
    } catch (error) {
      say(`  ${name} was not loaded: ${(error as Error).message.replaceAll(/:?\s*\n\s*/g, ': ')}`);
    }
  }
}
