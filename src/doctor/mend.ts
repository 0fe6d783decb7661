import { readdirSync } from 'node:fs';
import { CloisterError } from '../errors.ts';
import { runCommand } from '../linux/run-command.ts';
import { withProgress } from '../runtimes/progress.ts';
import type { Finding } from './check.ts';

const listsDirectory = '/var/lib/apt/lists';
const timeoutMs = 900_000;

/** Mends what packages, users and directories can. Says first what it does and why. */
export async function mend(findings: readonly Finding[], say: (line: string) => void): Promise<void> {
  const broken = findings.filter((finding) => !finding.ok);
  await installPackages(broken, say);
  for (const { check } of broken) {
    if (check.mend !== undefined) say(`${check.id}: ${await check.mend()}`);
  }
}

async function installPackages(broken: readonly Finding[], say: (line: string) => void): Promise<void> {
  const reasons = new Map<string, string[]>();
  for (const { check } of broken) for (const name of check.packages ?? []) reasons.set(name, [...(reasons.get(name) ?? []), check.why]);
  if (reasons.size === 0) return;
  say('Installing packages of the distribution:');
  for (const [name, why] of reasons) say(`  ${name}: ${why.join('; ')}`);
  const names = [...reasons.keys()];
  if (!hasPackageLists()) await updateLists(say);
  try {
    await install(names, say);
  } catch {
    // Lists that are older than the archive name packages which it no longer has.
    await updateLists(say);
    await install(names, say);
  }
}

async function updateLists(say: (line: string) => void): Promise<void> {
  await withProgress(say, 'apt-get update', () => aptGet(['update']));
}

async function install(names: readonly string[], say: (line: string) => void): Promise<void> {
  await withProgress(say, `apt-get install ${names.join(' ')}`, () => aptGet(['install', '--yes', '--no-install-recommends', ...names]));
}

async function aptGet(args: readonly string[]): Promise<void> {
  const environment = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  try {
    await runCommand('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      env: { ...environment, DEBIAN_FRONTEND: 'noninteractive' },
      timeoutMs,
    });
  } catch (cause) {
    throw new CloisterError('HostUnfit', (cause as Error).message, { operation: 'install packages', cause });
  }
}

function hasPackageLists(): boolean {
  try {
    return readdirSync(listsDirectory).some((name) => name.includes('_Packages') || name.includes('_InRelease'));
  } catch {
    return false;
  }
}
