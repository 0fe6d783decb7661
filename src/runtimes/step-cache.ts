import { createHash } from 'node:crypto';
import { access, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CloisterError } from '../errors.ts';
import { tryLock } from '../linux/file-lock.ts';
import { type Progress, withProgress } from './progress.ts';

export interface Step {
  readonly name: string;
  /** What a person reads while it runs. */
  readonly title: string;
  /** Everything the outcome depends on: the same inputs are not worked on twice. */
  readonly inputs: unknown;
}

/** Directories made once per inputs under `<dataDir>/cache`; one process builds at a time. A finished one appears by rename, so a killed build leaves only what the next one clears. */
export class StepCache implements AsyncDisposable {
  readonly #directory: string;
  readonly #progress: Progress;
  readonly #release: () => Promise<void>;
  #scratches = 0;

  private constructor(directory: string, progress: Progress, release: () => Promise<void>) {
    this.#directory = directory;
    this.#progress = progress;
    this.#release = release;
  }

  /** Takes the cache for this process. Rejects with `Conflict` while another one builds. */
  static async open(dataDir: string, progress: Progress): Promise<StepCache> {
    const directory = join(dataDir, 'cache');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const lockPath = join(directory, 'lock');
    const lock = await open(lockPath, 'a', 0o600);
    if (!tryLock(lock.fd, lockPath)) {
      await lock.close();
      throw new CloisterError('Conflict', 'another runtime build is running on this data directory', { operation: 'build runtimes', path: lockPath });
    }
    await rm(join(directory, 'tmp'), { recursive: true, force: true });
    await mkdir(join(directory, 'tmp'), { mode: 0o700 });
    return new StepCache(directory, progress, () => lock.close());
  }

  /** The directory of a finished step: the one made before, or what `produce` makes now in the empty directory it is given. */
  async step(step: Step, produce: (directory: string) => Promise<void>): Promise<string> {
    const key = createHash('sha256')
      .update(JSON.stringify([step.name, step.inputs]))
      .digest('hex')
      .slice(0, 32);
    const finished = join(this.#directory, `${step.name}-${key}`);
    if (await exists(finished)) return finished;
    return withProgress(this.#progress, step.title, async () => {
      const scratch = await this.scratch();
      await produce(scratch);
      await rename(scratch, finished);
      return finished;
    });
  }

  /** A new empty directory that is gone after this build at the latest. */
  async scratch(): Promise<string> {
    this.#scratches += 1;
    const path = join(this.#directory, 'tmp', String(this.#scratches));
    await mkdir(path, { mode: 0o755 });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(join(this.#directory, 'tmp'), { recursive: true, force: true });
    await this.#release();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
