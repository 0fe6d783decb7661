import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finishDebianRoot } from './debian-finish.ts';
import { debianRoot } from './debian-root.ts';
import { keepsDebianPath } from './debian-selection.ts';
import { applyGuestLayout } from './guest-layout.ts';
import { buildInit, buildNodeClient } from './native-parts.ts';
import { npmPackage } from './npm-package.ts';
import { pythonWheels } from './python-wheels.ts';
import { readDirectoryTree } from './read-directory-tree.ts';
import { RootTree, type TreeFile } from './root-tree.ts';
import type { RuntimeDefinition } from './runtime-definitions.ts';
import { type Architecture, guestFile, type SourceLock } from './source-lock.ts';
import type { StepCache } from './step-cache.ts';

/** A runtime's root file system, not yet written, and what it is made of. */
export interface RuntimeRoot {
  readonly tree: RootTree;
  readonly packages: Readonly<Record<string, string>>;
  /** Programs to run inside the written root before its image is made. */
  readonly finish: readonly (readonly [program: string, ...args: string[]])[];
}

interface Sources {
  readonly cache: StepCache;
  readonly lock: SourceLock;
  readonly architecture: Architecture;
}

/** Puts a runtime together from its cached parts, making those that are missing. */
export async function assembleRuntime(definition: RuntimeDefinition, sources: Sources): Promise<RuntimeRoot> {
  const { cache, lock } = sources;
  const { suite, base, python } = lock.debian;
  const withPython = definition.language === 'python';
  const unpacked = await debianRoot(
    cache,
    withPython ? { name: 'python', suite, packages: [...base, ...python] } : { name: 'base', suite, packages: base },
  );
  const tree = new RootTree();
  await readDirectoryTree(tree, unpacked.directory, '', keepsDebianPath);
  await finishDebianRoot(tree, unpacked.directory);
  const debianPackages = JSON.parse(await readFile(unpacked.packagesFile, 'utf8')) as Record<string, string>;
  await applyGuestLayout(tree, await hostFile(await buildInit(cache, lock)));
  const language =
    definition.language === 'none' ? {} : withPython ? await addPython(tree, sources) : await addNode(tree, sources, definition.language);
  const finish: (readonly [string, ...string[]])[] = [
    ['/usr/sbin/ldconfig'],
    // ldconfig's notes hold inode numbers and times, which are never the same twice.
    ['/usr/bin/rm', '-r', '/var/cache/ldconfig'],
  ];
  if (withPython)
    finish.push([
      '/usr/bin/python3.13',
      '-B',
      '-m',
      'compileall',
      '-f',
      '-q',
      '--invalidation-mode',
      'unchecked-hash',
      '/usr/lib/python3.13',
      '/var/runtime',
    ]);
  return { tree, packages: { ...debianPackages, ...language }, finish };
}

async function addNode(tree: RootTree, { cache, lock, architecture }: Sources, language: 'node22' | 'node24'): Promise<Record<string, string>> {
  const release = lock.npm[language];
  const client = release.client.package;
  const node = { version: release.version, ...release.packages[architecture] };
  const directory = await npmPackage(cache, node);
  tree.put('/var/lang/bin/node', { ...(await hostFile(join(directory, 'bin/node'))), mode: 0o755 });
  await readDirectoryTree(tree, await buildNodeClient(cache, lock, release, architecture), '/var/runtime/node_modules/aws-lambda-ric');
  tree.putFile('/var/runtime/bootstrap', await readFile(guestFile('bootstrap/node')), 0o755);
  tree.putFile('/var/runtime/index.mjs', await readFile(guestFile(`bootstrap/start-${language}`)));
  return { [node.name]: node.version, [client.name]: client.version };
}

async function addPython(tree: RootTree, { cache, lock, architecture }: Sources): Promise<Record<string, string>> {
  const { version, wheels } = lock.python;
  for (const name of [`python${version}`, 'python3', 'python']) tree.putSymlink(`/var/lang/bin/${name}`, `/usr/bin/python${version}`);
  await readDirectoryTree(tree, await pythonWheels(cache, lock.python, architecture), '/var/runtime');
  tree.putFile('/var/runtime/bootstrap', await readFile(guestFile('bootstrap/python')), 0o755);
  tree.putFile('/var/runtime/bootstrap.py', await readFile(guestFile('bootstrap/start-python.py')));
  return Object.fromEntries(wheels.map((wheel) => [wheel.name, wheel.version]));
}

/** A file of this host as a tree's entry. */
export async function hostFile(path: string): Promise<TreeFile> {
  const { size, mode } = await lstat(path);
  return { kind: 'file', mode: mode & 0o777, content: { from: 'file', path, offsetBytes: 0, sizeBytes: size } };
}
