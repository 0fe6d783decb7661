import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { CloisterError } from '../errors.ts';
import { directoryModeMask, fileModeMask } from './read-directory-tree.ts';
import type { RootTree } from './root-tree.ts';
import { readTar, type TarMember } from './tar-reader.ts';

const whiteout = '.wh.';
const opaqueWhiteout = '.wh..wh..opq';
const maxMembers = 1_000_000;

/**
 * Puts one layer (an uncompressed tar) over a tree, as the OCI image specification says: whiteouts take away what lower layers brought.
 * Device nodes and named pipes are left out. Hard links become files of their own. Names with ".." are refused.
 */
export async function applyLayer(tree: RootTree, layer: { readonly path: string; readonly file: FileHandle }): Promise<void> {
  const members: TarMember[] = [];
  for await (const member of readTar(layer.file)) {
    members.push(member);
    if (members.length > maxMembers)
      throw new CloisterError('ArchiveTooLarge', `a layer has over ${maxMembers} members`, { operation: 'apply layer' });
  }
  // ORDER: a layer's whiteouts are for the layers below it, wherever they stand in it.
  for (const member of members) applyWhiteout(tree, member.path);
  for (const member of members) if (!posix.basename(member.path).startsWith(whiteout)) putMember(tree, member, layer.path);
}

function applyWhiteout(tree: RootTree, path: string): void {
  const name = posix.basename(path);
  const parent = posix.dirname(path);
  if (name === opaqueWhiteout) {
    const directory = tree.lookup(parent);
    if (directory?.kind === 'directory') directory.entries.clear();
  } else if (name.startsWith(whiteout)) {
    tree.remove(`${parent}/${name.slice(whiteout.length)}`);
  }
}

function putMember(tree: RootTree, member: TarMember, layerPath: string): void {
  const { path, kind, mode, offsetBytes, sizeBytes } = member;
  if (kind === 'directory') {
    tree.putDirectory(path, mode & directoryModeMask);
  } else if (kind === 'file') {
    tree.put(path, { kind: 'file', mode: mode & fileModeMask, content: { from: 'file', path: layerPath, offsetBytes, sizeBytes } });
  } else if (kind === 'symlink') {
    if (member.linkTarget === '' || member.linkTarget.includes('\0'))
      throw new CloisterError('ArchiveInvalid', `${path} links to nothing`, { operation: 'apply layer' });
    tree.putSymlink(path, member.linkTarget);
  } else if (kind === 'hardlink') {
    const original = tree.lookup(member.linkTarget);
    if (original === undefined || original.kind === 'directory') {
      throw new CloisterError('ArchiveInvalid', `${path} is a hard link to ${member.linkTarget}, which is no file before it`, {
        operation: 'apply layer',
      });
    }
    tree.put(path, original);
  }
}
