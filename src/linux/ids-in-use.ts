import { readdirSync, statSync } from 'node:fs';
import { tryReadKernelFile } from './kernel-file.ts';

/**
 * User ids that something of the kernel belongs to now: processes (one that may not be dumped belongs to root of its user namespace, which is the first id
 * of its range) and keys (keyrings outlive processes until the kernel collects them).
 */
export function idsInUse(): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const owner = statSync(`/proc/${name}`, { throwIfNoEntry: false })?.uid;
    if (owner !== undefined) ids.add(owner);
  }
  for (const [, id] of (tryReadKernelFile('/proc/key-users') ?? '').matchAll(/^\s*(\d+):/gm)) ids.add(Number(id));
  return ids;
}
