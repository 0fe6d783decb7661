import { createHash } from 'node:crypto';
import { chmod, chown, copyFile, cp, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CloisterError } from '../errors.ts';
import { runCommand } from '../linux/run-command.ts';
import { buildUserId } from './build-user.ts';
import { debianRoot } from './debian-root.ts';
import { npmPackage } from './npm-package.ts';
import { runInRoot } from './run-in-root.ts';
import { type Architecture, guestFile, type NodeRelease, type SourceLock } from './source-lock.ts';
import type { StepCache } from './step-cache.ts';

const initFlags = ['-static', '-Os', '-Wall', '-Wextra', '-Werror', '-s'];
const addonFlags = ['-shared', '-fPIC', '-O3', '-flto', '-std=gnu++20', '-fvisibility=hidden', '-DNODE_GYP_MODULE_NAME=rapid_client'];
const addonLinkFlags = ['-pthread', '-Wl,--gc-sections', '-s'];

/** PID 1 of every environment, compiled: the path of the program. */
export async function buildInit(cache: StepCache, lock: SourceLock): Promise<string> {
  const source = await readFile(guestFile('init.c'));
  const digest = createHash('sha256').update(source).digest('hex');
  const step = { name: 'init', title: 'compile PID 1', inputs: { recipe: 1, digest, flags: initFlags, machine: process.arch, debian: lock.debian } };
  const directory = await cache.step(step, async (scratch) => {
    const root = await toolchainCopy(cache, lock);
    await copyFile(guestFile('init.c'), join(root, 'build/init.c'));
    await runInRoot(root, '/usr/bin/gcc', [...initFlags, '-o', '/build/init', '/build/init.c']);
    await copyFile(join(root, 'build/init'), join(scratch, 'init'));
  });
  return join(directory, 'init');
}

/** Where the client's package keeps its addon's source, and the modules the addon is loaded from, by the client's major version. */
const clientLayouts: Readonly<Record<string, { readonly source: string; readonly modules: string }>> = {
  '3': { source: 'src/rapid-client.cc', modules: 'dist' },
  '4': { source: 'src/native/rapid-client.cc', modules: '.' },
};
const clientFiles = ['package.json', 'index.mjs', 'dist/index.mjs', 'LICENSE', 'NOTICE', 'THIRD-PARTY-LICENSES'];

/**
 * AWS's runtime interface client for one Node release, with its native addon: the directory to be node_modules/aws-lambda-ric.
 * Compiled by hand rather than by node-gyp, which would bring a hundred packages more.
 */
export async function buildNodeClient(cache: StepCache, lock: SourceLock, release: NodeRelease, architecture: Architecture): Promise<string> {
  const { package: client, addonApi } = release.client;
  const layout = clientLayouts[client.version.split('.')[0] ?? ''];
  if (layout === undefined)
    throw new CloisterError('Internal', `no layout of ${client.name} ${client.version} is known`, { operation: 'build client' });
  const node = { version: release.version, ...release.packages[architecture] };
  const inputs = { recipe: 2, client, addonApi, node, layout, flags: [addonFlags, addonLinkFlags], debian: lock.debian };
  const step = { name: 'node-client', title: `build ${client.name} ${client.version} for Node ${release.version}`, inputs };
  return cache.step(step, async (scratch) => {
    const [source, addon, nodeFiles] = [await npmPackage(cache, client), await npmPackage(cache, addonApi), await npmPackage(cache, node)];
    const root = await toolchainCopy(cache, lock);
    await cp(source, join(root, 'build/client'), { recursive: true });
    await cp(addon, join(root, 'build/addon-api'), { recursive: true });
    await cp(join(nodeFiles, 'include/node'), join(root, 'build/node'), { recursive: true });
    await runCommand('chown', ['--recursive', `${buildUserId}:${buildUserId}`, join(root, 'build')]);
    await compileAddon(root, layout.source);
    for (const name of clientFiles) {
      await mkdir(dirname(join(scratch, name)), { recursive: true });
      await copyFile(join(source, name), join(scratch, name)).catch(ignoreMissing);
    }
    const addonFile = join(scratch, layout.modules, 'rapid-client.node');
    await copyFile(join(root, 'build/rapid-client.node'), addonFile);
    await chmod(addonFile, 0o755);
  });
}

async function compileAddon(root: string, source: string): Promise<void> {
  // The package's own script: builds its copies of curl and aws-lambda-cpp as static libraries.
  const preinstall = ['--chdir=/build/client', '/bin/sh', 'scripts/preinstall.sh'];
  await runInRoot(root, '/usr/bin/env', preinstall, { CC: 'gcc', CXX: 'g++', MAKEFLAGS: '-j2' });
  const libraries = '/build/client/deps/artifacts';
  const includes = ['/build/node', '/build/addon-api', `${libraries}/include`].map((path) => `-I${path}`);
  const archives = ['libaws-lambda-runtime.a', 'libcurl.a'].map((name) => `${libraries}/lib/${name}`);
  const output = ['-o', '/build/rapid-client.node', `/build/client/${source}`];
  await runInRoot(root, '/usr/bin/g++', [...addonFlags, ...includes, ...output, ...archives, ...addonLinkFlags]);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** A root file system with compilers, of which /build belongs to the build user; thrown away after this run. */
async function toolchainCopy(cache: StepCache, lock: SourceLock): Promise<string> {
  const { directory } = await debianRoot(cache, { name: 'toolchain', suite: lock.debian.suite, packages: lock.debian.toolchain });
  const root = join(await cache.scratch(), 'root');
  // Hard links: the build user can not write to files that belong to root.
  await runCommand('cp', ['--archive', '--link', directory, root]);
  await linkAlternatives(join(root, 'usr/bin'));
  await mkdir(join(root, 'build'));
  await chown(join(root, 'build'), buildUserId, buildUserId);
  return root;
}

/** The names that packages' scripts would have chosen among alternatives: awk, and automake's programs without their version. */
async function linkAlternatives(programs: string): Promise<void> {
  await symlink('mawk', join(programs, 'awk'));
  for (const program of await readdir(programs)) {
    const name = /^(automake|aclocal)-[\d.]+$/.exec(program)?.[1];
    if (name !== undefined) await symlink(program, join(programs, name));
  }
}
