import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { attachLoopDevice } from '../../linux/loop-device.ts';
import type { Check } from '../check.ts';
import { mendDeviceNode } from '../mend-device-node.ts';
import { withScratchDirectory } from '../scratch-directory.ts';

/** Puts a loop device under a file. */
export const loopDeviceCheck: Check = {
  id: 'loop-devices',
  severity: 'required',
  needsRoot: true,
  why: 'the /tmp of an environment is a file system of its own in a file',
  fix: 'modprobe loop; in a virtual machine or container make /dev/loop-control available',
  modules: ['loop'],
  mend: async () => mendDeviceNode('loop-control', '/dev/loop-control'),
  measure: () =>
    withScratchDirectory((directory) => {
      using open = new DisposableStack();
      const path = join(directory, 'image');
      const image = open.adopt(openSync(path, 'wx+', 0o600), closeSync);
      ftruncateSync(image, 1024 * 1024);
      const { device, fd } = attachLoopDevice(image, path);
      open.adopt(fd, closeSync);
      return { ok: true, found: `${device} was attached and let go` };
    }),
};
