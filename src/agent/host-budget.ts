import type { MemoryBudget } from '../isolation/cgroup/memory-budget.ts';
import type { DiskBudget } from '../isolation/encrypted-tmp/disk-budget.ts';
import { readPressure } from '../linux/pressure.ts';
import type { AgentEvent, Results } from './messages.ts';

const lookEveryMs = 1_000;

/** What the host has for environments, and whether it runs short of it. Admission itself is the two budgets', in the driver. */
export class HostBudget {
  readonly #memory: MemoryBudget;
  readonly #disk: DiskBudget;

  constructor(options: { readonly memory: MemoryBudget; readonly disk: DiskBudget }) {
    this.#memory = options.memory;
    this.#disk = options.disk;
  }

  numbers(): Results['budget'] {
    const pressure = { cpu: readPressure('cpu'), memory: readPressure('memory'), io: readPressure('io') };
    return { memory: this.#memory.numbers(), disk: this.#disk.numbers(), pressure };
  }

  /** Tells the daemon, once a second, for as long as a reserve is being used up: it knows which environments are idle, and since when. */
  watch(emit: (event: AgentEvent) => void): Disposable {
    const timer = setInterval(() => {
      if (this.#memory.isShort) emit({ event: 'belowReserve', resource: 'memory' });
      else if (this.#disk.freeMiB() < this.#disk.reserveMiB) emit({ event: 'belowReserve', resource: 'disk' });
    }, lookEveryMs).unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }
}
