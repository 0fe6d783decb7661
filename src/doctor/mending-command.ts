import { runCommand } from '../linux/run-command.ts';

/** SECURITY: programs come from the system's directories, whatever PATH the caller has. */
const path = '/usr/sbin:/usr/bin:/sbin:/bin';
/** What a package manager behind a proxy needs of the caller's environment. */
const keptVariables = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'APT_CONFIG', 'TMPDIR'];

/** Runs a fixed command as root and answers it as a person would have typed it. Rejects with what it wrote when it fails. */
export async function runMendingCommand(file: string, args: readonly string[], { timeoutMs = 60_000 } = {}): Promise<string> {
  const kept = keptVariables.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]));
  const env = { ...Object.fromEntries(kept), PATH: path, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  await runCommand(file, args, { env, timeoutMs });
  return [file, ...args].join(' ');
}
