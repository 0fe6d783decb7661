import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../linux/run-command.ts';
import { type BoundPath, findUpwards } from './confined-process.ts';

/** Where a confined process finds Node and this project's code. */
export const programRoot = '/cloister';
export const nodePath = `${programRoot}/node`;

/** Read-only binds that a Node program of this project needs, in a checkout or installed: Node, its libraries, our code, its packages. */
export async function nodeProgramFiles(): Promise<BoundPath[]> {
  const here = fileURLToPath(import.meta.url);
  const packageRoot = findUpwards(dirname(here), 'package.json');
  const codeDirectory = here.slice(packageRoot.length + 1).split(sep)[0] ?? 'src';
  const packages = join(findUpwards(packageRoot, join('node_modules', 'fastify')), 'node_modules');
  const node = realpathSync(process.execPath);
  return [
    { source: node, target: nodePath },
    { source: join(packageRoot, codeDirectory), target: join(programRoot, codeDirectory) },
    { source: join(packageRoot, 'package.json'), target: join(programRoot, 'package.json') },
    { source: packages, target: join(programRoot, 'node_modules') },
    ...(await libraries(node)),
  ];
}

/** Path of one of our programs as a confined process sees it: `daemon/main` is src/daemon/main.ts in a checkout, dist/daemon/main.js installed. */
export function programPath(name: string): string {
  const here = fileURLToPath(import.meta.url);
  const packageRoot = findUpwards(dirname(here), 'package.json');
  const codeDirectory = here.slice(packageRoot.length + 1).split(sep)[0] ?? 'src';
  return `${programRoot}/${codeDirectory}/${name}${here.slice(here.lastIndexOf('.'))}`;
}

/** A program of the host and the libraries it is linked with, each at its own path. */
export async function hostProgramFiles(path: string): Promise<BoundPath[]> {
  return [{ source: realpathSync(path), target: path }, ...(await libraries(path))];
}

/** ldd(1) on a trusted program: every library it loads, at the path it asks for. */
async function libraries(program: string): Promise<BoundPath[]> {
  const { stdout } = await runCommand('ldd', [program]);
  const paths = [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => (path !== undefined && existsSync(path) ? [path] : []));
  return paths.map((path) => ({ source: realpathSync(path), target: path }));
}
