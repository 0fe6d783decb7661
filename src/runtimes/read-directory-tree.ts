import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { RootTree } from './root-tree.ts';

/** Permission bits an image may have: no set-user-id, no set-group-id; the sticky bit only on directories. */
export const fileModeMask = 0o777;
export const directoryModeMask = 0o1777;

/**
 * Puts a directory of this host into a tree at `prefix`. Device nodes, sockets and named pipes are left out; set-user-id bits, owners,
 * extended attributes and hard links end here. Symbolic links are read, never followed. `keep` decides by the path from the directory's top ("/usr/bin/sed").
 */
export async function readDirectoryTree(
  tree: RootTree,
  directory: string,
  prefix = '/',
  keep: (path: string) => boolean = () => true,
): Promise<void> {
  for (const name of (await readdir(directory)).toSorted()) await readEntry(tree, join(directory, name), `/${name}`, prefix, keep);
}

async function readEntry(tree: RootTree, source: string, path: string, prefix: string, keep: (path: string) => boolean): Promise<void> {
  if (!keep(path)) return;
  const target = `${prefix}${path}`;
  const facts = await lstat(source);
  if (facts.isSymbolicLink()) {
    tree.putSymlink(target, await readlink(source));
  } else if (facts.isDirectory()) {
    tree.putDirectory(target, facts.mode & directoryModeMask);
    for (const name of (await readdir(source)).toSorted()) await readEntry(tree, join(source, name), `${path}/${name}`, prefix, keep);
  } else if (facts.isFile()) {
    const content = { from: 'file', path: source, offsetBytes: 0, sizeBytes: facts.size } as const;
    tree.put(target, { kind: 'file', mode: facts.mode & fileModeMask, content });
  }
}
