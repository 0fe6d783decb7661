import type { RunningDaemon } from '../daemon.ts';

/** What `cloister credentials env` tells a shell, as the environment of a client. */
export async function awsEnvironment(daemon: RunningDaemon, ...args: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { status, stdout, stderr } = await daemon.cli('credentials', 'env', '--json', ...args);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, string>;
}
