import { createHash } from 'node:crypto';
import { chmod, chown, copyFile, cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../linux/run-command.ts';
import { buildUserId } from './build-user.ts';
import { debianRoot } from './debian-root.ts';
import { npmPackage } from './npm-package.ts';
import { runInRoot } from './run-in-root.ts';
import { type Architecture, guestFile, type SourceLock } from './source-lock.ts';
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

/**
 * AWS's runtime interface client for Node with its native addon: the directory to be node_modules/aws-lambda-ric.
 * The addon speaks Node-API, whose binary interface is the same in every Node version: one build serves all of them.
 */
export async function buildNodeClient(cache: StepCache, lock: SourceLock, architecture: Architecture): Promise<string> {
  const { client, addonApi, node22 } = lock.npm;
  const node = { version: node22.version, ...node22.packages[architecture] };
  const inputs = { recipe: 1, client, addonApi, node, flags: [addonFlags, addonLinkFlags], debian: lock.debian };
  const directory = await cache.step({ name: 'node-client', title: `build ${client.name} ${client.version}`, inputs }, async (scratch) => {
    const [source, addon, nodeFiles] = [await npmPackage(cache, client), await npmPackage(cache, addonApi), await npmPackage(cache, node)];
    const root = await toolchainCopy(cache, lock);
    await cp(source, join(root, 'build/client'), { recursive: true });
    await cp(addon, join(root, 'build/addon-api'), { recursive: true });
    await cp(join(nodeFiles, 'include/node'), join(root, 'build/node'), { recursive: true });
    await runCommand('chown', ['--recursive', `${buildUserId}:${buildUserId}`, join(root, 'build')]);
    // The package's own script: builds its copies of curl and aws-lambda-cpp as static libraries.
    await runInRoot(root, '/bin/sh', ['/build/client/scripts/preinstall.sh'], { CC: 'gcc', CXX: 'g++' });
    const libraries = '/build/client/deps/artifacts';
    const includes = ['/build/node', '/build/addon-api', `${libraries}/include`].map((path) => `-I${path}`);
    const archives = ['libaws-lambda-runtime.a', 'libcurl.a'].map((name) => `${libraries}/lib/${name}`);
    const output = '/build/rapid-client.node';
    await runInRoot(root, '/usr/bin/g++', [
      ...addonFlags,
      ...includes,
      '-o',
      output,
      '/build/client/src/native/rapid-client.cc',
      ...archives,
      ...addonLinkFlags,
    ]);
    for (const name of ['package.json', 'index.mjs', 'LICENSE', 'NOTICE', 'THIRD-PARTY-LICENSES'])
      await copyFile(join(source, name), join(scratch, name));
    await copyFile(join(root, output), join(scratch, 'rapid-client.node'));
    await chmod(join(scratch, 'rapid-client.node'), 0o755);
  });
  return directory;
}

/** A root file system with compilers, of which /build belongs to the build user; thrown away after this run. */
async function toolchainCopy(cache: StepCache, lock: SourceLock): Promise<string> {
  const { directory } = await debianRoot(cache, { name: 'toolchain', suite: lock.debian.suite, packages: lock.debian.toolchain });
  const root = join(await cache.scratch(), 'root');
  // Hard links: the build user can not write to files that belong to root.
  await runCommand('cp', ['--archive', '--link', directory, root]);
  await runCommand('ln', ['--symbolic', '--force', 'mawk', join(root, 'usr/bin/awk')]);
  await mkdir(join(root, 'build'));
  await chown(join(root, 'build'), buildUserId, buildUserId);
  return root;
}
