import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../errors.ts';
import { tryReadKernelFile, writeKernelFile } from '../linux/kernel-file.ts';

/** Lower than this it is a switch that turns namespaces off, not a limit; every environment takes one or two of each kind. */
const leastUseful = 1_024;
const raisedTo = 65_536;

const host = { directory: '/proc/sys/user', settingsFile: '/etc/sysctl.d/60-cloister.conf' } as const;

/** Raises limits on namespaces that would keep environments from starting, now and, by a file of ours, at every boot. Limits that are high enough stay. */
export function raiseNamespaceLimits(
  kinds: readonly string[],
  { directory, settingsFile }: { readonly directory: string; readonly settingsFile: string } = host,
): string {
  const low = kinds
    .map((kind) => `max_${kind}_namespaces`)
    .filter((name) => Number(tryReadKernelFile(join(directory, name)) ?? raisedTo) < leastUseful);
  if (low.length === 0) {
    throw new CloisterError('HostUnfit', `no limit in ${directory} is the reason; the kernel must have them built in`, { operation: 'raise limits' });
  }
  for (const name of low) writeKernelFile(join(directory, name), String(raisedTo));
  const earlier = existsSync(settingsFile) ? readFileSync(settingsFile, 'utf8').split('\n') : [];
  const lines = new Set([...earlier.filter((line) => line !== ''), ...low.map((name) => `user.${name} = ${raisedTo}`)]);
  writeFileSync(settingsFile, `${[...lines].join('\n')}\n`, { mode: 0o644 });
  return `ran ${low.map((name) => `sysctl -w user.${name}=${raisedTo}`).join('; ')}; wrote ${settingsFile}`;
}
