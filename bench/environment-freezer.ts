import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import type { RunningDaemon } from '../test/daemon.ts';
import { ControlGroupFiles } from '../test/privileged/control-group-files.ts';

/** The freezer of one function's only environment, as the kernel has it. */
export class EnvironmentFreezer implements Disposable {
  readonly #state: number;
  readonly #told: number;
  readonly #words: { readonly frozen: string; readonly thawed: string };

  private constructor(group: ControlGroupFiles) {
    const file = group.file('freezer', 'freezer.state', 'cgroup.freeze');
    const isV1 = /^(THAWED|FREEZING|FROZEN)$/m.test(readFileSync(file, 'utf8'));
    this.#state = openSync(file, 'r+');
    this.#told = isV1 ? this.#state : openSync(group.file('freezer', 'freezer.state', 'cgroup.events'), 'r');
    this.#words = isV1 ? { frozen: 'FROZEN', thawed: 'THAWED' } : { frozen: '1', thawed: '0' };
  }

  static async of(daemon: RunningDaemon, functionName: string): Promise<EnvironmentFreezer> {
    const listed = JSON.parse((await daemon.cli('env', 'list', '--json')).stdout) as { functionName: string; pids: number[] }[];
    const pids = listed.filter((environment) => environment.functionName === functionName).map((environment) => environment.pids[0]);
    const [pid] = pids;
    if (pid === undefined || pids.length !== 1) throw new Error(`${functionName} has ${pids.length} environments`);
    return new EnvironmentFreezer(ControlGroupFiles.of(pid));
  }

  /** Every task has stopped. */
  get isFrozen(): boolean {
    const bytes = Buffer.alloc(64);
    return /^(FROZEN|.*frozen 1)$/m.test(bytes.toString('latin1', 0, readSync(this.#told, bytes, 0, bytes.length, 0)));
  }

  write(word: 'frozen' | 'thawed'): void {
    writeSync(this.#state, this.#words[word]);
  }

  [Symbol.dispose](): void {
    closeSync(this.#state);
    if (this.#told !== this.#state) closeSync(this.#told);
  }
}
