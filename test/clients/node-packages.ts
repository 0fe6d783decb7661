import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachedDirectory } from './cached-directory.ts';

const execute = promisify(execFile);

/** A directory whose node_modules holds these packages from npm, their own scripts not run; made once per set of versions. */
export function nodePackages(versions: Readonly<Record<string, string>>): Promise<string> {
  const manifest = JSON.stringify({ private: true, dependencies: versions });
  return cachedDirectory(`node-${createHash('sha256').update(manifest).digest('hex').slice(0, 16)}`, async (directory) => {
    writeFileSync(join(directory, 'package.json'), manifest);
    await execute('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory });
  });
}
