import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes a directory, and those above it that are missing, through which every user may pass without listing it, whatever the umask. */
export function makePassableDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let directory = path; ; directory = dirname(directory)) {
    chmodSync(directory, 0o711);
    if (directory === first) return;
  }
}
