import { constants } from 'node:fs';
import { BuildFault } from './build-fault.ts';

export interface EntryKind {
  readonly kind: 'file' | 'directory' | 'link';
  /** Permission bits only. */
  readonly mode: number;
}

// Images belong to root and functions run as another user: what the owner alone may read, nobody could. So all may.
const readableByAll = 0o444;
const searchableByAll = 0o555;

/** The mode of directories that an archive implies and does not name. */
export const defaultDirectoryMode = 0o755;
const defaultFileMode = 0o644;

/**
 * What an entry is, by the Unix mode in the upper half of its external attributes (0: not recorded) and its trailing slash.
 * Set-uid, set-gid and sticky bits are dropped; devices, pipes and sockets are refused.
 */
export const entryKind = (externalFileAttributes: number, slash: boolean): EntryKind => {
  const recorded = externalFileAttributes >>> 16;
  const permissions = recorded & 0o777;
  const type = recorded & constants.S_IFMT;
  if (type === constants.S_IFLNK && !slash) return { kind: 'link', mode: 0o777 };
  if (type === constants.S_IFDIR || (slash && (type === 0 || type === constants.S_IFREG))) {
    return { kind: 'directory', mode: permissions === 0 ? defaultDirectoryMode : permissions | searchableByAll };
  }
  if (type === constants.S_IFREG || type === 0) {
    return { kind: 'file', mode: recorded === 0 ? defaultFileMode : permissions | readableByAll };
  }
  throw new BuildFault('SpecialFile');
};
