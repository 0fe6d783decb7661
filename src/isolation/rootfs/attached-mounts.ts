import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { closeAll } from '../../linux/descriptor.ts';
import { attachMount, unmount } from '../../linux/mount.ts';

/** Mounts that an OCI runtime finds by path while it builds an environment; the environment keeps copies of its own, and these go again. */
export class AttachedMounts implements Disposable {
  readonly #directory: string;
  readonly #undo = new DisposableStack();

  /** `directory` must let the ids of the environment pass: the OCI runtime walks with them. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes over a detached mount and answers its path. */
  attach(name: string, fd: number): string {
    try {
      const target = join(this.#directory, name);
      mkdirSync(target, { mode: 0o711 });
      // Never recursively: a mount that stayed would be emptied.
      this.#undo.defer(() => rmdirSync(target));
      attachMount(fd, target);
      this.#undo.defer(() => unmount(target));
      return target;
    } finally {
      closeAll(fd);
    }
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }
}
