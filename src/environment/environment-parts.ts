import { closeSync, readSync } from 'node:fs';
import type { ClaimedDescriptors } from '../agent/host-agent.ts';
import { createRuntimeApi, type RuntimeApi } from '../runtime-api/create-runtime-api.ts';
import type { RuntimeApiPort } from '../runtime-api/runtime-api-port.ts';
import type { FunctionIdentity } from '../runtime-api/runtime-exchange.ts';
import type { Clock } from './clock.ts';
import { EnvironmentLog } from './environment-log.ts';
import type { LogSink } from './log-sink.ts';
import { TokenBudget } from './token-budget.ts';

/** The share of the daemon that one environment's Runtime API may take: 5 % of its time, and so much at once. */
const runtimeApiUsPerSecond = 50_000;
const runtimeApiBurstUs = 100_000;

/** The end of an environment does not wait long for output over its budget. */
const lastDrainWaitMs = 100;

/** What the daemon holds of a claimed environment: everything here ends with `close`. */
export class EnvironmentParts {
  readonly log: EnvironmentLog;
  readonly runtimeApi: RuntimeApi;
  readonly #memoryPeak: number;
  readonly #freezer: number;
  #peakMemoryMiB = 0;
  #isClosed = false;

  private constructor(log: EnvironmentLog, runtimeApi: RuntimeApi, { memoryPeak, freezer }: ClaimedDescriptors) {
    this.log = log;
    this.runtimeApi = runtimeApi;
    this.#memoryPeak = memoryPeak;
    this.#freezer = freezer;
  }

  /** Takes a claim's descriptors over; on failure all of them are closed. */
  static async open(options: {
    readonly descriptors: ClaimedDescriptors;
    readonly sink: LogSink;
    readonly clock: Clock;
    readonly port: RuntimeApiPort;
    readonly function: FunctionIdentity;
  }): Promise<EnvironmentParts> {
    const { descriptors, sink, clock, port, function: identity } = options;
    const log = new EnvironmentLog({ sink, stdout: descriptors.stdout, stderr: descriptors.stderr, clock });
    const share = new TokenBudget({ tokensPerSecond: runtimeApiUsPerSecond, burst: runtimeApiBurstUs, clock });
    try {
      return new EnvironmentParts(
        log,
        await createRuntimeApi({ descriptor: descriptors.runtimeApi, port, function: identity, share, schedule: clock.schedule.bind(clock) }),
        descriptors,
      );
    } catch (error) {
      log.close();
      closeSync(descriptors.memoryPeak);
      closeSync(descriptors.freezer);
      throw error;
    }
  }

  /** Highest memory use so far, as the kernel counts it. Once the cgroup is gone: the last value read. */
  peakMemoryMiB(): number {
    if (this.#isClosed) return this.#peakMemoryMiB;
    try {
      const text = Buffer.allocUnsafe(32);
      const bytes = Number(text.toString('latin1', 0, readSync(this.#memoryPeak, text, 0, text.length, 0)));
      this.#peakMemoryMiB = Math.ceil(bytes / 1_048_576);
    } catch {
      // The kernel answers ENODEV once the cgroup has been removed.
    }
    return this.#peakMemoryMiB;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.peakMemoryMiB();
    this.#isClosed = true;
    this.runtimeApi.close();
    await this.log.drain(lastDrainWaitMs);
    this.log.close();
    closeSync(this.#memoryPeak);
    closeSync(this.#freezer);
  }
}

/** For a claim that nobody wants any more. */
export function closeDescriptors(descriptors: ClaimedDescriptors): void {
  const { runtimeApi, stdout, stderr, memoryPeak, freezer } = descriptors;
  for (const descriptor of [runtimeApi, stdout, stderr, memoryPeak, freezer]) closeSync(descriptor);
}
