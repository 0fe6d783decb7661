import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addEncryptionKey, removeEncryptionKey, setEncryptionPolicy } from '../../linux/file-encryption.ts';
import { attachLoopDevice } from '../../linux/loop-device.ts';
import { mount, mountFlags, unmount } from '../../linux/mount.ts';
import { runCommand } from '../../linux/run-command.ts';
import type { Check } from '../check.ts';
import { withScratchDirectory } from '../scratch-directory.ts';

const probeText = 'cloister doctor reads this back\n';
const imageSize = '16M';

/**
 * Encrypts a directory of a small ext4, writes a file, reads it back, and sees that neither its name nor its content is in the image. A policy alone
 * proves nothing: the kernel accepts modes whose cipher it lacks, and only opening a file tells (ENOPKG).
 */
export const fileEncryptionCheck: Check = {
  id: 'file-encryption',
  severity: 'required',
  needsRoot: true,
  why: 'the /tmp of an environment is encrypted with a key that ends with it',
  fix: 'install e2fsprogs; boot a kernel with CONFIG_FS_ENCRYPTION and AES (modprobe ext4)',
  packages: ['e2fsprogs'],
  modules: ['ext4'],
  measure: () =>
    withScratchDirectory(async (directory) => {
      const image = join(directory, 'image');
      const mountPoint = join(directory, 'mount');
      mkdirSync(mountPoint);
      await runCommand('mkfs.ext4', ['-q', '-F', '-O', '^has_journal,encrypt', image, imageSize]);
      writeEncrypted(image, mountPoint);
      const bytes = readFileSync(image);
      const leaked = bytes.includes(probeText) || bytes.includes('probe-file-name');
      return {
        ok: !leaked,
        found: leaked ? 'what was encrypted is readable in the image' : 'a file was encrypted, read back, and is unreadable in the image',
      };
    }),
};

function writeEncrypted(image: string, mountPoint: string): void {
  using undo = new DisposableStack();
  const file = undo.adopt(openSync(image, 'r+'), closeSync);
  const loop = attachLoopDevice(file, image);
  undo.adopt(loop.fd, closeSync);
  mount({ source: loop.device, target: mountPoint, type: 'ext4', flags: mountFlags.noSetuid | mountFlags.noDevices });
  undo.defer(() => unmount(mountPoint));
  const directory = join(mountPoint, 'tmp');
  mkdirSync(directory);
  const identifier = addEncryptionKey(directory);
  undo.defer(() => removeEncryptionKey(mountPoint, identifier));
  setEncryptionPolicy(directory, identifier);
  const path = join(directory, 'probe-file-name');
  writeFileSync(path, probeText, { flush: true });
  if (readFileSync(path, 'utf8') !== probeText || readdirSync(directory).length !== 1)
    throw new Error('an encrypted file did not give back what was written');
}
