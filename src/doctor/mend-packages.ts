import { existsSync, readdirSync } from 'node:fs';
import { CloisterError } from '../errors.ts';
import { runCommand } from '../linux/run-command.ts';
import { type Progress, withProgress } from '../runtimes/progress.ts';
import { runMendingCommand } from './mending-command.ts';

const listsDirectory = '/var/lib/apt/lists';
const aptGetPath = '/usr/bin/apt-get';
const timeoutMs = 900_000;

/** Installs those packages of the distribution that are not there, all at once, or one by one when one of them keeps the others out. */
export async function installPackages(names: readonly string[], say: Progress): Promise<void> {
  if (!existsSync(aptGetPath)) {
    throw new CloisterError('HostUnfit', `${aptGetPath} is not there; install with this distribution's own tools: ${names.join(' ')}`, {
      operation: 'install packages',
    });
  }
  const missing: string[] = [];
  for (const name of names) {
    if (await isInstalled(name)) say(`  ${name} is installed already: that is not what is missing`);
    else missing.push(name);
  }
  if (missing.length === 0) return;
  if (!hasPackageLists()) await updateLists(say);
  if (await tryInstall(missing, say)) return;
  // Lists that are older than the archive name packages which it no longer has.
  await updateLists(say);
  if (missing.length > 1 && (await tryInstall(missing, say))) return;
  // One that cannot be had must not keep the others out.
  for (const name of missing) await tryInstall([name], say);
}

async function isInstalled(name: string): Promise<boolean> {
  try {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own notation
    const { stdout } = await runCommand('/usr/bin/dpkg-query', ['--show', '--showformat=${db:Status-Status}', name], { timeoutMs: 10_000 });
    return stdout === 'installed';
  } catch {
    return false;
  }
}

async function updateLists(say: Progress): Promise<void> {
  await withProgress(say, 'apt-get update', () => aptGet(['update'], say));
}

async function tryInstall(names: readonly string[], say: Progress): Promise<boolean> {
  const command = ['install', '--yes', '--no-install-recommends', ...names];
  try {
    await withProgress(say, `apt-get install ${names.join(' ')}`, () => aptGet(command, say));
    return true;
  } catch (error) {
    say(`  ${names.join(' ')} could not be installed: ${(error as Error).message.replaceAll(/:?\s*\n\s*/g, ': ')}`);
    return false;
  }
}

async function aptGet(args: readonly string[], say: Progress): Promise<void> {
  say(`  ran ${await runMendingCommand(aptGetPath, ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], { timeoutMs })}`);
}

function hasPackageLists(): boolean {
  try {
    return readdirSync(listsDirectory).some((name) => name.includes('_Packages') || name.includes('_InRelease'));
  } catch {
    return false;
  }
}
