import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CloisterError } from '../errors.ts';
import { runCommand } from '../linux/run-command.ts';
import type { NpmPackage } from './source-lock.ts';
import type { StepCache } from './step-cache.ts';

const downloadTimeoutMs = 10 * 60 * 1000;

/** Downloads and unpacks one npm package, without running anything of it; the answer is the directory with its package.json. */
export async function npmPackage(cache: StepCache, wanted: NpmPackage): Promise<string> {
  const specification = `${wanted.name}@${wanted.version}`;
  const step = { name: `npm-${wanted.name}`, title: `fetch ${specification} from npm`, inputs: { recipe: 1, wanted } };
  const directory = await cache.step(step, async (scratch) => {
    const packed = await runCommand('npm', ['pack', specification, '--json', '--ignore-scripts', '--pack-destination', scratch], {
      cwd: scratch,
      timeoutMs: downloadTimeoutMs,
    });
    const archive = join(scratch, archiveName(packed.stdout, specification));
    const integrity = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    // SECURITY: the hash of our lock file decides, not what the registry says of itself.
    if (integrity !== wanted.integrity) {
      throw new CloisterError('HostUnfit', `${specification} has the hash ${integrity}, not the one of the lock file`, { operation: 'npm pack' });
    }
    await runCommand('tar', ['--extract', '--gzip', '--no-same-owner', '--file', archive, '--directory', scratch]);
    await rm(archive);
  });
  return join(directory, 'package');
}

/** npm answers an array, newer versions an object by package name. */
function archiveName(json: string, specification: string): string {
  const parsed = JSON.parse(json) as unknown;
  const [first] = Array.isArray(parsed) ? parsed : Object.values(parsed as Record<string, unknown>);
  const filename = (first as { filename?: unknown } | undefined)?.filename;
  if (typeof filename !== 'string') throw new CloisterError('HostUnfit', `npm pack ${specification} named no file`, { operation: 'npm pack' });
  return filename.replace('@', '').replaceAll('/', '-');
}
