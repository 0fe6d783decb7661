import { join } from 'node:path';
import { runCommand } from '../../linux/run-command.ts';
import type { Check } from '../check.ts';
import { withScratchDirectory } from '../scratch-directory.ts';

const source = '#include <unistd.h>\nint main(void) { return write(1, "built", 5) == 5 ? 0 : 1; }\n';

/** Compiles and runs a static program. */
export const compilerCheck: Check = {
  id: 'compiler',
  severity: 'advice',
  why: "Cloister's own tests compile PID 1 of an environment on the host; runtimes bring a compiler of their own",
  fix: 'apt-get install gcc libc6-dev',
  packages: ['gcc', 'libc6-dev'],
  measure: () =>
    withScratchDirectory(async (directory) => {
      const program = join(directory, 'program');
      await runCommand('gcc', ['-static', '-O1', '-x', 'c', '-o', program, '-'], { input: source, timeoutMs: 60_000 });
      const { stdout } = await runCommand(program, []);
      return { ok: stdout === 'built', found: 'gcc compiled a static program, and it ran' };
    }),
};
