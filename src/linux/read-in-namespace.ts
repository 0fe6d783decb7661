import { runCommand } from './run-command.ts';

const timeoutMs = 10_000;
const separator = 'cloister-next';

/**
 * What each command line prints in the network namespace of descriptor `namespace`, read by one process; a command that fails prints nothing.
 * SECURITY: the lines are a shell's: only constants and names that we made belong in them.
 */
export async function readInNetworkNamespace(namespace: number, commands: readonly string[]): Promise<string[]> {
  const script = commands.map((command) => `${command} 2>/dev/null; echo ${separator}`).join('\n');
  const enter = `--net=/proc/${process.pid}/fd/${namespace}`;
  // The files of /proc/sys/net and /proc/net are those of the reader's namespace.
  const { stdout } = await runCommand('nsenter', [enter, '--', 'sh', '-c', script], { timeoutMs });
  return stdout.split(`${separator}\n`);
}
