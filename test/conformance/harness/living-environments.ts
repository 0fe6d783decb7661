import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { ActorAddress } from './actor-process.ts';

/** The environments of one daemon as the kernel lists them: by control group, with the ids of their processes on the host. */
export class LivingEnvironments {
  readonly #instance: string;

  constructor(dataDirectory: string) {
    this.#instance = createHash('sha256').update(realpathSync(dataDirectory)).digest('hex').slice(0, 8);
  }

  ids(): readonly string[] {
    const root = this.#root();
    return root === undefined ? [] : readdirSync(root).filter((name) => name.startsWith('env-'));
  }

  /** Host pids; PID 1 of the environment comes first. */
  pids(environmentId: string): readonly number[] {
    try {
      const text = readFileSync(join(this.#root() ?? '', environmentId, 'cgroup.procs'), 'utf8');
      return text
        .split('\n')
        .filter(Boolean)
        .map(Number)
        .toSorted((one, other) => one - other);
    } catch {
      return [];
    }
  }

  /** Actors of a function that have come up so far, in whatever environment of it. */
  actorsOf(functionName: string): readonly ActorAddress[] {
    return this.ids().flatMap((environmentId) => {
      const tmp = this.#tmpOf(environmentId);
      return tmp === undefined ? [] : actorsIn(tmp, functionName).map((actor) => ({ ...actor, environmentId }));
    });
  }

  #tmpOf(environmentId: string): string | undefined {
    return this.pids(environmentId)
      .map((pid) => `/proc/${pid}/root/tmp`)
      .find((path) => existsSync(path));
  }

  #root(): string | undefined {
    return ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].map((root) => join(root, `cloister-${this.#instance}`)).find((path) => existsSync(path));
  }
}

function actorsIn(tmp: string, functionName: string): Omit<ActorAddress, 'environmentId'>[] {
  try {
    return readdirSync(tmp).flatMap((name) => {
      const [, owner, role = '', generation] = /^actor\.([^.]+)\.(.+)\.(\d+)$/.exec(name) ?? [];
      return owner === functionName ? [{ role, generation: Number(generation), path: join(tmp, name) }] : [];
    });
  } catch {
    // The environment ended while it was looked at.
    return [];
  }
}
