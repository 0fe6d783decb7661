import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mount, unmount } from '../../linux/mount.ts';
import type { Check } from '../check.ts';
import { withScratchDirectory } from '../scratch-directory.ts';

/** Merges two directories with overlayfs, as the layers of a function are merged. */
export const overlayCheck: Check = {
  id: 'overlayfs',
  severity: 'required',
  needsRoot: true,
  why: 'the layers of a function are laid over each other in /opt',
  fix: 'boot a kernel with CONFIG_OVERLAY_FS (modprobe overlay)',
  modules: ['overlay'],
  measure: () =>
    withScratchDirectory((directory) => {
      const [first, second, target] = ['first', 'second', 'target'].map((name) => join(directory, name)) as [string, string, string];
      for (const path of [first, second, target]) mkdirSync(path);
      mount({ source: 'overlay', target, type: 'overlay', data: `lowerdir=${first}:${second}` });
      unmount(target);
      return { ok: true, found: 'two directories were merged' };
    }),
};
