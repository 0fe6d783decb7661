import { closeSync, readSync } from 'node:fs';
import type { ClaimedDescriptors } from '../agent/host-agent.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import { createRuntimeApi, type RuntimeApi } from '../runtime-api/create-runtime-api.ts';
import type { StreamLimits } from '../runtime-api/response-stream.ts';
import type { RuntimeApiPort } from '../runtime-api/runtime-api-port.ts';
import type { SubscriptionOutcome, TelemetrySubscription } from '../runtime-api/telemetry/telemetry-subscription.ts';
import type { Clock } from './clock.ts';
import { EnvironmentLog } from './log/environment-log.ts';
import type { LogSink } from './log/log-sink.ts';
import { Freezer } from './processes/freezer.ts';
import { TelemetryRelay } from './telemetry/telemetry-relay.ts';
import type { ConnectInside } from './telemetry/telemetry-sender.ts';
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
  readonly freezer: Freezer;
  readonly telemetry: TelemetryRelay;
  readonly #memoryPeak: number;
  #peakMemoryMiB = 0;
  #isClosed = false;

  private constructor(parts: Pick<EnvironmentParts, 'log' | 'runtimeApi' | 'freezer' | 'telemetry'> & { readonly memoryPeak: number }) {
    this.log = parts.log;
    this.runtimeApi = parts.runtimeApi;
    this.freezer = parts.freezer;
    this.telemetry = parts.telemetry;
    this.#memoryPeak = parts.memoryPeak;
  }

  /** Takes a claim's descriptors over; on failure all of them are closed. */
  static async open(options: {
    readonly descriptors: ClaimedDescriptors;
    readonly sink: LogSink;
    readonly clock: Clock;
    readonly port: RuntimeApiPort;
    readonly function: FunctionVersion;
    readonly streamLimits: StreamLimits;
    readonly connect: ConnectInside;
    readonly onFrozen: () => void;
    readonly onProblem: (problem: string, cause: unknown) => void;
  }): Promise<EnvironmentParts> {
    const { descriptors, sink, clock, port, function: fn, streamLimits, connect, onProblem } = options;
    const { memoryPeak, stdout, stderr, extensionOutput } = descriptors;
    const telemetry = new TelemetryRelay({ clock, connect });
    const log = new EnvironmentLog({
      sink,
      stdout,
      stderr,
      extensionOutput,
      clock,
      telemetry,
      ...(fn.jsonLogging === undefined ? {} : { json: fn.jsonLogging }),
    });
    const freezer = new Freezer({
      descriptor: descriptors.freezer,
      words: descriptors.freezerWords,
      clock,
      onFrozen: () => {
        telemetry.pause();
        options.onFrozen();
      },
      onThawed: () => telemetry.resume(),
      onProblem,
    });
    const share = new TokenBudget({ tokensPerSecond: runtimeApiUsPerSecond, burst: runtimeApiBurstUs, clock });
    try {
      const schedule = clock.schedule.bind(clock);
      const runtimeApi = await createRuntimeApi({
        descriptor: descriptors.runtimeApi,
        port,
        function: fn,
        streamLimits,
        telemetry: { subscribe: (name, subscription) => subscribe({ telemetry, log }, name, subscription) },
        share,
        schedule,
      });
      return new EnvironmentParts({ log, runtimeApi, freezer, telemetry, memoryPeak });
    } catch (error) {
      log.close();
      freezer.close();
      closeSync(memoryPeak);
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
    this.freezer.close();
    await this.log.drain(lastDrainWaitMs);
    this.log.close();
    this.telemetry.close();
    closeSync(this.#memoryPeak);
  }
}

/** A subscription is an event itself: the first that the new subscriber gets after what came before it. */
function subscribe(
  { telemetry, log }: Pick<EnvironmentParts, 'telemetry' | 'log'>,
  name: string,
  subscription: TelemetrySubscription,
): SubscriptionOutcome {
  const outcome = telemetry.subscribe(name, subscription);
  if (outcome === 'subscribed' || outcome === 'alreadySubscribed') {
    const state = outcome === 'subscribed' ? 'Subscribed' : 'Already subscribed';
    log.event({ type: 'platform.telemetrySubscription', record: { name, state, types: subscription.streams } });
  }
  return outcome;
}

/** For a claim that nobody wants any more. */
export function closeDescriptors(descriptors: ClaimedDescriptors): void {
  const { runtimeApi, stdout, stderr, extensionOutput, memoryPeak, freezer } = descriptors;
  for (const descriptor of [runtimeApi, stdout, stderr, extensionOutput, memoryPeak, freezer]) closeSync(descriptor);
}
