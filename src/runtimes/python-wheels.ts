import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../linux/run-command.ts';
import type { Architecture, SourceLock } from './source-lock.ts';
import type { StepCache } from './step-cache.ts';

const downloadTimeoutMs = 10 * 60 * 1000;
// Debian's own: the lock names hashes, so which pip fetches makes no difference to the outcome.
const python = '/usr/bin/python3';
const machines: Readonly<Record<Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' };
const platforms = ['manylinux_2_28', 'manylinux_2_17', 'manylinux2014'];

/** Fetches the wheels of the lock file with pip and unpacks them into one directory, as on sys.path; nothing of them is run. */
export async function pythonWheels(cache: StepCache, lock: SourceLock['python'], architecture: Architecture): Promise<string> {
  const requirements = lock.wheels.map((wheel) => `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256[architecture]}`);
  const names = lock.wheels.map((wheel) => `${wheel.name} ${wheel.version}`).join(', ');
  const step = { name: 'python-wheels', title: `fetch ${names} from PyPI`, inputs: { recipe: 1, requirements, version: lock.version } };
  const directory = await cache.step(step, async (scratch) => {
    const list = join(scratch, 'requirements.txt');
    const wheels = join(scratch, 'wheels');
    const modules = join(scratch, 'modules');
    await writeFile(list, `${requirements.join('\n')}\n`);
    await mkdir(modules);
    const target = [
      '--python-version',
      lock.version,
      '--implementation',
      'cp',
      ...platforms.flatMap((name) => ['--platform', `${name}_${machines[architecture]}`]),
    ];
    const rules = ['--no-deps', '--require-hashes', '--only-binary=:all:', '--disable-pip-version-check', '--no-cache-dir'];
    await runCommand(python, ['-m', 'pip', 'download', ...rules, ...target, '--dest', wheels, '--requirement', list], {
      timeoutMs: downloadTimeoutMs,
    });
    for (const wheel of (await readdir(wheels)).toSorted()) await runCommand(python, ['-m', 'zipfile', '--extract', join(wheels, wheel), modules]);
    await rm(wheels, { recursive: true });
  });
  return join(directory, 'modules');
}
