import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { cachedDirectory } from './cached-directory.ts';

const execute = promisify(execFile);
/** Debian's interpreter. */
export const python = '/usr/bin/python3';
const requirements = new URL('requirements.txt', import.meta.url).pathname;

/** A directory for PYTHONPATH that holds boto3 and the AWS CLI from PyPI; made once per set of versions. */
export async function pythonPackages(): Promise<string> {
  const { stdout: version } = await execute(python, ['--version']);
  const key = createHash('sha256').update(version).update(readFileSync(requirements)).digest('hex').slice(0, 16);
  return cachedDirectory(`python-${key}`, (directory) => pipInstall(directory, ['--requirement', requirements]));
}

/** Installs what these arguments name from PyPI's wheels into a directory. */
export async function pipInstall(directory: string, what: readonly string[]): Promise<void> {
  const options = ['--quiet', '--disable-pip-version-check', '--root-user-action=ignore', '--only-binary=:all:'];
  await execute(python, ['-m', 'pip', 'install', ...options, '--target', directory, ...what]);
}

export interface PythonResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An environment for Python with the packages and with nothing of this machine's AWS configuration. */
export function pythonEnvironment(packages: string, more: Readonly<Record<string, string>>): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    PYTHONPATH: packages,
    PYTHONDONTWRITEBYTECODE: '1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    ...more,
  };
}

/** Runs Python in such an environment. */
export async function runPython(packages: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<PythonResult> {
  try {
    const { stdout, stderr } = await execute(python, args, { env: pythonEnvironment(packages, environment), maxBuffer: 16 * 1024 * 1024 });
    return { status: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { status: code, stdout, stderr };
  }
}
