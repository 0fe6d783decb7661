import type { Progress } from '../runtimes/progress.ts';
import type { Check, Finding } from './check.ts';
import { loadModules } from './mend-modules.ts';
import { installPackages } from './mend-packages.ts';

/** What mending works with; a test gives its own. */
export interface MendTools {
  /** Measures again. */
  readonly measure: (checks: readonly Check[]) => Promise<readonly Finding[]>;
  readonly installPackages: (names: readonly string[], say: Progress) => Promise<void>;
  readonly loadModules: (names: readonly string[], say: Progress) => Promise<void>;
}

const realTools: Omit<MendTools, 'measure'> = { installPackages, loadModules };

/**
 * Mends what packages, modules of the kernel, users, directories and settings can: the gentlest first, and measures again before the next, so that
 * nothing is changed which was mended by then. Says of each step why and what it ran. One that fails is told, and does not keep the others from
 * being tried; whether the host is fit in the end, only measuring tells.
 */
export async function mend(findings: readonly Finding[], say: Progress, tools: Pick<MendTools, 'measure'> & Partial<MendTools>): Promise<void> {
  const all: MendTools = { ...realTools, ...tools };
  let broken = brokenOf(findings);
  const steps: readonly (() => Promise<boolean>)[] = [
    () => mendTogether(broken, 'packages', (names) => all.installPackages(names, say), say),
    () => mendTogether(broken, 'modules', (names) => all.loadModules(names, say), say),
    () => mendEach(broken, say),
  ];
  for (const step of steps) if (await step()) broken = brokenOf(await all.measure(broken));
  for (const { id, fix, packages, modules, mend: own } of broken) {
    if (packages === undefined && modules === undefined && own === undefined) say(`${id}: no command mends this: ${fix}`);
  }
}

function brokenOf(findings: readonly Finding[]): readonly Check[] {
  return findings.filter((finding) => !finding.ok).map(({ check }) => check);
}

/** One step for everything that several checks ask for; answers whether there was anything to do. */
async function mendTogether(
  broken: readonly Check[],
  kind: 'packages' | 'modules',
  work: (names: readonly string[]) => Promise<void>,
  say: Progress,
): Promise<boolean> {
  const asking = broken.filter((check) => check[kind] !== undefined);
  if (asking.length === 0) return false;
  for (const { id, why, [kind]: names = [] } of asking) say(`${id} needs the ${kind} ${names.join(', ')}: ${why}`);
  await attempt(kind, () => work([...new Set(asking.flatMap((check) => check[kind] ?? []))]), say);
  return true;
}

async function mendEach(broken: readonly Check[], say: Progress): Promise<boolean> {
  for (const { id, why, mend: own } of broken) {
    if (own === undefined) continue;
    say(`${id}: ${why}`);
    await attempt(id, async () => say(`  ${await own()}`), say);
  }
  return broken.some((check) => check.mend !== undefined);
}

async function attempt(what: string, work: () => Promise<void>, say: Progress): Promise<void> {
  try {
    await work();
  } catch (error) {
    say(`  ${what} could not be mended: ${(error as Error).message.replaceAll(/:?\s*\n\s*/g, ': ')}`);
  }
}
