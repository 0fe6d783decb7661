import { closeSync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { closeAll } from '../../linux/descriptor.ts';
import { attachMount, attachMountOn, cloneMount, mount, mountFlags, unmount } from '../../linux/mount.ts';
import { inMountNamespace } from '../../linux/namespaces.ts';
import { openBeneath } from '../../linux/open-beneath.ts';

export interface ClaimMountsOptions {
  /** PID 1 of the environment, on the host. */
  readonly pid: number;
  readonly userNamespace: number;
  /** Directories of the agent's mount namespace where the images are mounted. */
  readonly code: string;
  readonly layers: readonly string[];
  /** A detached mount of a file that stands for /etc/resolv.conf. */
  readonly resolverFile?: number | undefined;
  /** A directory of this slot's own in the agent's mount namespace. */
  readonly scratch: string;
}

/**
 * Puts the code at /var/task and the layers at /opt of a prepared environment, read-only, by entering its mount namespace: nothing of them stays in the
 * agent's. SECURITY: both places are opened beneath the environment's root, through no link and no mount, and mounted on by descriptor: no path is walked.
 */
export function mountClaim(options: ClaimMountsOptions): void {
  using undo = new DisposableStack();
  const code = cloneMount(options.code, { readOnly: true, userNamespace: options.userNamespace });
  undo.defer(() => closeAll(code));
  const opt = layersMount(options);
  if (opt !== undefined) undo.defer(() => closeAll(opt));
  const namespace = openSync(`/proc/${options.pid}/ns/mnt`, 'r');
  undo.defer(() => closeSync(namespace));
  const root = openSync(`/proc/${options.pid}/root`, 'r');
  undo.defer(() => closeSync(root));
  const open = (path: string) => undo.adopt(openBeneath({ directory: root, path }), closeSync);
  const [taskTarget, optTarget] = [open('var/task'), open('opt')];
  const { resolverFile } = options;
  const resolverTarget = undo.adopt(openBeneath({ directory: root, path: 'etc/resolv.conf', mustBeDirectory: false }), closeSync);
  inMountNamespace(namespace, () => {
    attachMountOn(code, taskTarget);
    if (opt !== undefined) attachMountOn(opt, optTarget);
    if (resolverFile !== undefined) attachMountOn(resolverFile, resolverTarget);
  });
}

/** One layer is its image; several are an overlay of them, a later one over an earlier one, as Lambda merges them. */
function layersMount({ layers, userNamespace, scratch }: ClaimMountsOptions): number | undefined {
  const [only] = layers;
  if (only === undefined) return undefined;
  if (layers.length === 1) return cloneMount(only, { readOnly: true, userNamespace });
  using undo = new DisposableStack();
  // Overlayfs takes ids from its lower mounts, so each is attached id-mapped; the overlay keeps copies of its own, and these go again.
  const names = layers.map((layer, index) => {
    const name = `layer-${index}`;
    const directory = makeMountPoint(join(scratch, name), undo);
    const fd = cloneMount(layer, { readOnly: true, userNamespace });
    try {
      attachMount(fd, directory);
    } finally {
      closeAll(fd);
    }
    undo.defer(() => unmount(directory));
    return name;
  });
  const merged = makeMountPoint(join(scratch, 'opt'), undo);
  const flags = mountFlags.readOnly | mountFlags.noSetuid | mountFlags.noDevices;
  // SECURITY: the environment reads these names in its mountinfo: relative ones say nothing of the host's directories.
  process.chdir(scratch);
  try {
    mount({ source: 'layers', target: merged, type: 'overlay', flags, data: `lowerdir=${names.toReversed().join(':')}` });
  } finally {
    process.chdir('/');
  }
  undo.defer(() => unmount(merged));
  return cloneMount(merged, { readOnly: true });
}

function makeMountPoint(directory: string, undo: DisposableStack): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  undo.defer(() => rmdirSync(directory));
  return directory;
}
