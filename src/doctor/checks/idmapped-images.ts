import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attachLoopDevice } from '../../linux/loop-device.ts';
import { cloneMount, mount, mountFlags, unmount } from '../../linux/mount.ts';
import { runCommand } from '../../linux/run-command.ts';
import { closeNamespaces, makeUserAndTimeNamespace } from '../../linux/user-and-time-namespace.ts';
import type { Check } from '../check.ts';
import { withScratchDirectory } from '../scratch-directory.ts';

const text = 'cloister doctor\n';

/** Makes an erofs image, mounts it and clones the mount with shifted ids (open_tree, mount_setattr), as every environment's files are mounted. */
export const idmappedImagesCheck: Check = {
  id: 'erofs-idmapped',
  severity: 'required',
  needsRoot: true,
  why: 'runtimes, code and layers are erofs images, mounted so that inside the environment root owns them',
  fix: 'install erofs-utils; boot a kernel of 5.19 or newer with CONFIG_EROFS_FS (modprobe erofs)',
  packages: ['erofs-utils'],
  modules: ['erofs'],
  measure: () =>
    withScratchDirectory(async (directory) => {
      using undo = new DisposableStack();
      const source = join(directory, 'files');
      const image = join(directory, 'image');
      const target = join(directory, 'mount');
      mkdirSync(source);
      mkdirSync(target);
      writeFileSync(join(source, 'file'), text);
      await runCommand('mkfs.erofs', ['--all-root', image, source]);
      const file = undo.adopt(openSync(image, 'r'), closeSync);
      const loop = attachLoopDevice(file, image, { readOnly: true });
      undo.adopt(loop.fd, closeSync);
      mount({ source: loop.device, target, type: 'erofs', flags: mountFlags.readOnly | mountFlags.noSetuid | mountFlags.noDevices });
      undo.defer(() => unmount(target));
      if (readFileSync(join(target, 'file'), 'utf8') !== text) return { ok: false, found: 'an erofs image did not give back what was put in' };
      const { user: userNamespace } = undo.adopt(await makeUserAndTimeNamespace({ firstId: 1_000_000, count: 65_536 }), closeNamespaces);
      closeSync(cloneMount(target, { readOnly: true, userNamespace }));
      return { ok: true, found: 'an image was made, mounted and cloned with shifted ids' };
    }),
};
