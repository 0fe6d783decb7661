import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CloisterError } from '../errors.ts';

const keptErrorBytes = 4096;

/**
 * Runs a program that hands descriptors on to a process which outlives it (crun create): `descriptors` become 3, 4, 5 … of the child.
 * `output` is given as 1 and 2 where the process that stays behind has something to say (a file of its own).
 * SECURITY: 0 to 2 are sockets or a file of this call alone, never a device of the host: crun gives its standard descriptors to the function's user.
 * Resolves on exit, not when the pipes close: the process that stays behind holds them.
 */
export async function spawnWithDescriptors(file: string, args: readonly string[], descriptors: readonly number[], output?: number): Promise<void> {
  // The directories an OCI runtime makes to mount on are for other users to pass; the child has this umask from here on, we have ours again at once.
  const umask = process.umask(0o022);
  const child = spawn(file, args, {
    stdio: ['pipe', output ?? 'pipe', output ?? 'pipe', ...descriptors],
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  process.umask(umask);
  let message = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (message.length < keptErrorBytes) message += chunk.toString('utf8');
  });
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (code === 0) return;
    // The reason may still be in the pipe when the exit is told.
    await new Promise((resolve) => setImmediate(resolve));
    throw new CloisterError('SystemCall', `${file} ${args[0] === undefined ? '' : `ended with ${code ?? signal}`}: ${message.trim()}`, {
      operation: file,
    });
  } finally {
    child.stdin?.destroy();
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}
