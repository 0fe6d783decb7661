import { runCommand } from '../../linux/run-command.ts';
import type { Check } from '../check.ts';

/** The program that puts the walls of an environment up. */
export const ociRuntimeCheck: Check = {
  id: 'oci-runtime',
  severity: 'required',
  why: 'crun (or runc) makes the execution environments of the oci driver',
  fix: 'apt-get install crun',
  packages: ['crun'],
  measure: async () => {
    for (const name of ['crun', 'runc']) {
      try {
        const { stdout } = await runCommand(name, ['--version'], { timeoutMs: 10_000 });
        return { ok: true, found: stdout.split('\n')[0] ?? name };
      } catch {}
    }
    return { ok: false, found: 'neither crun nor runc runs' };
  },
};
