import { createReadStream } from 'node:fs';
import { chmod, chown, lchown, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { RootTree, TreeDirectory, TreeFile } from './root-tree.ts';

/**
 * Makes the tree in an empty directory that nobody else can write to. Everything belongs to `owner` (both user and group).
 * SECURITY: files are opened with O_EXCL below directories made here, so nothing is written through a link.
 */
export async function writeTree(tree: RootTree, directory: string, owner: number): Promise<void> {
  await writeDirectory(tree.root, directory, owner);
}

async function writeDirectory(entry: TreeDirectory, path: string, owner: number): Promise<void> {
  for (const [name, child] of entry.entries) {
    const target = join(path, name);
    if (child.kind === 'directory') {
      await mkdir(target);
      await writeDirectory(child, target, owner);
    } else if (child.kind === 'symlink') {
      await symlink(child.target, target);
      await lchown(target, owner, owner);
    } else {
      await writeFile(child, target, owner);
    }
  }
  // ORDER: owner before mode, because chown clears mode bits; a directory's after its entries, in case its mode forbids writing.
  await chown(path, owner, owner);
  await chmod(path, entry.mode);
}

async function writeFile(file: TreeFile, path: string, owner: number): Promise<void> {
  await using output = await open(path, 'wx', 0o600);
  const { content } = file;
  if (content.from === 'memory') {
    await output.writeFile(content.bytes);
  } else if (content.sizeBytes > 0) {
    const end = content.offsetBytes + content.sizeBytes - 1;
    await output.writeFile(createReadStream(content.path, { start: content.offsetBytes, end }));
  }
  await output.chown(owner, owner);
  await output.chmod(file.mode);
}
