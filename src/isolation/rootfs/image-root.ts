import { fstatSync } from 'node:fs';
import { CloisterError } from '../../errors.ts';
import { closeAll } from '../../linux/descriptor.ts';
import { openBeneath } from '../../linux/open-beneath.ts';

/** What is mounted over in an environment, from its root on. */
const mountPoints = ['proc', 'dev', 'sys', 'tmp', 'var/task', 'opt'] as const;
/** Executed as PID 1, and mounted over by a file. */
const files = ['var/rapid/init', 'etc/resolv.conf'] as const;

/**
 * Throws `WallUnavailable` unless the root file system has a directory of its own at each mount point and a file of its own as PID 1.
 * SECURITY: an OCI runtime follows an image's links while it mounts. They can't lead out of the root, but /tmp at another place, or /proc on a tree that the
 * image chose, is a wall that stands beside its gate. `root` is a mount that nothing runs in yet, so what is seen here is what will be mounted over.
 */
export function checkImageRoot(root: number): void {
  for (const path of mountPoints) closeAll(openOwn(root, path, true));
  for (const path of files) {
    const fd = openOwn(root, path, false);
    const isFile = fstatSync(fd).isFile();
    closeAll(fd);
    if (!isFile) throw refused(path);
  }
}

function openOwn(root: number, path: string, mustBeDirectory: boolean): number {
  try {
    return openBeneath({ directory: root, path, mustBeDirectory });
  } catch (cause) {
    throw refused(path, cause);
  }
}

function refused(path: string, cause?: unknown): CloisterError {
  return new CloisterError(
    'WallUnavailable',
    `the runtime's image has no /${path} of its own, or only a link there: build or import the runtime again with "cloister runtime build"`,
    { operation: 'check the root file system', cause },
  );
}
