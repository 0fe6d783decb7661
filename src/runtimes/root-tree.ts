import { CloisterError } from '../errors.ts';

/** Where a file's bytes are: in memory, or a part of a file on this host. */
export type FileContent =
  | { readonly from: 'memory'; readonly bytes: Buffer }
  | { readonly from: 'file'; readonly path: string; readonly offsetBytes: number; readonly sizeBytes: number };

export interface TreeFile {
  readonly kind: 'file';
  readonly mode: number;
  readonly content: FileContent;
}
export interface TreeSymlink {
  readonly kind: 'symlink';
  readonly target: string;
}
export interface TreeDirectory {
  readonly kind: 'directory';
  mode: number;
  readonly entries: Map<string, TreeEntry>;
}
export type TreeEntry = TreeFile | TreeSymlink | TreeDirectory;

const maxSymlinks = 40;
const maxNameBytes = 255;

/**
 * A root file system in memory: directories, regular files and symbolic links, and nothing else an image could hold.
 * SECURITY: paths are resolved here, inside the tree, so that no name or link in a layer can reach the host's files: the host sees only
 * what `writeTree` makes of the finished tree, parents first, into an empty directory.
 */
export class RootTree {
  readonly root: TreeDirectory = { kind: 'directory', mode: 0o755, entries: new Map() };

  /** The entry of that path itself (a symbolic link at its end is not followed), or undefined. */
  lookup(path: string): TreeEntry | undefined {
    const names = split(path);
    const last = names.pop();
    if (last === undefined) return this.root;
    return this.#walk(names, false)?.entries.get(last);
  }

  /** The directory of that path, through symbolic links, made with its parents where missing. A file in its way is replaced. */
  directory(path: string): TreeDirectory {
    const directory = this.#walk(split(path), true);
    if (directory === undefined) throw refused(path, 'has too many symbolic links');
    return directory;
  }

  /** Puts an entry at a path; its parents are made. A directory put where one is keeps what is in it. */
  put(path: string, entry: TreeEntry): void {
    const names = split(path);
    const last = names.pop();
    if (last === undefined) {
      if (entry.kind !== 'directory') throw refused(path, 'would replace the root');
      this.root.mode = entry.mode;
      return;
    }
    if (Buffer.byteLength(last) > maxNameBytes) throw refused(path, 'has a name over 255 bytes');
    const parent = this.directory(names.join('/'));
    const present = parent.entries.get(last);
    if (entry.kind === 'directory' && present?.kind === 'directory') present.mode = entry.mode;
    else parent.entries.set(last, entry);
  }

  putFile(path: string, bytes: Buffer | string, mode = 0o644): void {
    this.put(path, { kind: 'file', mode, content: { from: 'memory', bytes: Buffer.from(bytes) } });
  }

  putSymlink(path: string, target: string): void {
    this.put(path, { kind: 'symlink', target });
  }

  putDirectory(path: string, mode = 0o755): void {
    this.put(path, { kind: 'directory', mode, entries: new Map() });
  }

  /** Takes an entry away with all below it. False when there is none. */
  remove(path: string): boolean {
    const names = split(path);
    const last = names.pop();
    if (last === undefined) throw refused(path, 'would remove the root');
    return this.#walk(names, false)?.entries.delete(last) ?? false;
  }

  /** Bytes of all files as they will be written: one that stands at several paths counts as often. */
  get sizeBytes(): number {
    const sizeOf = (entry: TreeEntry): number => {
      if (entry.kind === 'directory') return [...entry.entries.values()].reduce((sum, child) => sum + sizeOf(child), 0);
      if (entry.kind === 'symlink') return 0;
      return entry.content.from === 'memory' ? entry.content.bytes.length : entry.content.sizeBytes;
    };
    return sizeOf(this.root);
  }

  /** Walks from the root, links included; `..` of the root is the root. Undefined when something is missing and may not be made. */
  #walk(names: readonly string[], make: boolean): TreeDirectory | undefined {
    const pending = names.toReversed();
    const trail: TreeDirectory[] = [this.root];
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const here = trail.at(-1) ?? this.root;
      if (name === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      let next = here.entries.get(name);
      if (next?.kind === 'symlink') {
        links += 1;
        if (links > maxSymlinks) return undefined;
        if (next.target.startsWith('/')) trail.length = 1;
        pending.push(...partsOf(next.target).toReversed());
        continue;
      }
      if (next?.kind !== 'directory') {
        if (!make) return undefined;
        if (Buffer.byteLength(name) > maxNameBytes) throw refused(name, 'is a name over 255 bytes');
        next = { kind: 'directory', mode: 0o755, entries: new Map() };
        here.entries.set(name, next);
      }
      trail.push(next);
    }
    return trail.at(-1);
  }
}

/** Splits a path given by name (not a link's target): `..` in it is refused rather than resolved. */
function split(path: string): string[] {
  const names = partsOf(path);
  if (names.includes('..')) throw refused(path, 'holds ".."');
  if (path.includes('\0')) throw refused(path, 'holds NUL');
  return names;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function refused(path: string, why: string): CloisterError {
  return new CloisterError('ArchiveRefused', `${JSON.stringify(path.slice(0, 200))} ${why}`, { operation: 'assemble a root file system' });
}
