import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloisterError } from '../../errors.ts';
import { makeCharacterDevice } from '../../linux/device-node.ts';
import { cloneMount, mount, mountFlags, unmount } from '../../linux/mount.ts';
import { resolverAddress } from './slot-address.ts';

const tunPath = '/dev/net/tun';
const tun = { major: 10, minor: 200, mode: 0o666 } as const;
const hostResolverFile = '/etc/resolv.conf';

/** Files of the uplink, on a file system of their own in the agent's mount namespace: nothing of them is on the host, and they go with the agent. */
export class UplinkFiles implements Disposable {
  readonly #directory: string;
  readonly #undo: DisposableStack;

  private constructor(directory: string, undo: DisposableStack) {
    this.#directory = directory;
    this.#undo = undo;
  }

  /** `resolver` is what functions with egress ask; without it the first of the host's resolv.conf, as it is at the time. */
  static make(directory: string, resolver: string | undefined): UplinkFiles {
    using undo = new DisposableStack();
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    undo.defer(() => rmdirSync(directory));
    mount({ source: 'cloister', target: directory, type: 'tmpfs', flags: mountFlags.noSetuid | mountFlags.noExec, data: 'mode=711,size=256k' });
    undo.defer(() => unmount(directory));
    if (!existsSync(tunPath)) {
      const mend = `${tunPath} is missing: load the module tun (modprobe tun)`;
      throw new CloisterError('WallUnavailable', mend, { operation: 'make uplink', path: tunPath });
    }
    if ((statSync(tunPath).mode & 0o006) !== 0o006) {
      // Some hosts keep it from all but root. In a network namespace of its own the link it makes is nobody else's affair.
      makeCharacterDevice(join(directory, 'tun'), tun);
      bind(join(directory, 'tun'), tunPath, undo);
    }
    if (resolver !== undefined) {
      writeFileSync(join(directory, 'upstream'), `nameserver ${resolver}\n`);
      // Whatever the umask is.
      chmodSync(join(directory, 'upstream'), 0o644);
      bind(join(directory, 'upstream'), realpathSync(hostResolverFile), undo);
    }
    return new UplinkFiles(directory, undo.move());
  }

  /** A resolv.conf for one environment, owned by its root, ready to be attached there; the caller closes it. */
  resolverFile(slot: { readonly index: number }, ownerId: number): number {
    const path = this.#resolverPath(slot);
    writeFileSync(path, `nameserver ${resolverAddress}\n`);
    chmodSync(path, 0o644);
    chownSync(path, ownerId, ownerId);
    return cloneMount(path, { readOnly: true, noExec: true });
  }

  dropResolverFile(slot: { readonly index: number }): void {
    rmSync(this.#resolverPath(slot), { force: true });
  }

  #resolverPath({ index }: { readonly index: number }): string {
    return join(this.#directory, `resolv.conf-${index}`);
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }
}

function bind(source: string, target: string, undo: DisposableStack): void {
  mount({ source, target, flags: mountFlags.bind });
  undo.defer(() => unmount(target));
}
