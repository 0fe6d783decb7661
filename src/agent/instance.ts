import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, realpathSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../errors.ts';
import { tryLock } from '../linux/file-lock.ts';
import { makePassableDirectory } from '../linux/passable-directory.ts';

/** One data directory and everything on the host that is named after it. */
export interface Instance {
  /** Eight hexadecimal digits of the data directory's path: part of the name of every kernel object of this instance. */
  readonly id: string;
  readonly dataDirectory: string;
  readonly runDirectory: string;
  readonly volumeDirectory: string;
  /** Ranges of ids are shared by all instances of the host. */
  readonly idRangeDirectory: string;
}

/** Takes the data directory for this process alone (flock(2)); the lock ends with the process. Throws `Conflict` that names the pid which holds it. */
export function openInstance(path: string): Instance {
  makePassableDirectory(path);
  const dataDirectory = realpathSync(path);
  const lockPath = join(dataDirectory, 'lock');
  const fd = openSync(lockPath, 'a+', 0o600);
  if (!tryLock(fd, lockPath)) {
    const holder = readFileSync(lockPath, 'utf8').trim();
    closeSync(fd);
    throw new CloisterError('Conflict', `another cloister, pid ${holder}, holds ${dataDirectory}`, { operation: 'lock data directory' });
  }
  ftruncateSync(fd);
  writeSync(fd, String(process.pid));
  const id = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 8);
  const runDirectory = `/run/cloister/${id}`;
  const volumeDirectory = join(dataDirectory, 'volumes');
  makePassableDirectory(runDirectory);
  mkdirSync(volumeDirectory, { recursive: true, mode: 0o700 });
  return { id, dataDirectory, runDirectory, volumeDirectory, idRangeDirectory: '/run/cloister/id-ranges' };
}
