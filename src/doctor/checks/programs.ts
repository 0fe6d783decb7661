import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { requiredPackages } from '../../runtimes/required-packages.ts';
import type { Check } from '../check.ts';

interface Program {
  readonly name: string;
  readonly package: string;
  readonly why: string;
}

const programs: readonly Program[] = [
  { name: 'setpriv', package: 'util-linux', why: 'processes are started through it without any privilege' },
  { name: 'unshare', package: 'util-linux', why: 'the agent is started in a mount namespace of its own' },
  { name: 'useradd', package: 'passwd', why: 'the users without rights are made with it' },
];

/** One check for each program that is run, and one for each package that building runtimes needs. */
export const programChecks: readonly Check[] = [...programs.map(programCheck), ...requiredPackages.map(packageCheck)];

function programCheck(program: Program): Check {
  return {
    id: program.name,
    severity: 'required',
    why: program.why,
    fix: `apt-get install ${program.package}`,
    packages: [program.package],
    measure: () => {
      const path = findProgram(program.name);
      return { ok: path !== undefined, found: path ?? 'not found' };
    },
  };
}

function packageCheck(required: (typeof requiredPackages)[number]): Check {
  return {
    id: `package-${required.name}`,
    severity: 'required',
    why: `building runtimes: ${required.reason}`,
    fix: `apt-get install ${required.name}`,
    packages: [required.name],
    measure: () => ({
      ok: existsSync(required.provides),
      found: existsSync(required.provides) ? required.provides : `${required.provides} is missing`,
    }),
  };
}

function findProgram(name: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
