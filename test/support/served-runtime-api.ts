import { type Clock, systemClock } from '../../src/environment/clock.ts';
import { TokenBudget } from '../../src/environment/token-budget.ts';
import { createRuntimeApi, type RuntimeApi } from '../../src/runtime-api/create-runtime-api.ts';
import type { ExtensionDescription } from '../../src/runtime-api/extensions/extension.ts';
import type { ResponseStream, StreamLimits } from '../../src/runtime-api/response-stream.ts';
import type { ExtensionFailure, RuntimeApiPort, RuntimeFailure } from '../../src/runtime-api/runtime-api-port.ts';
import type { SurfaceLimit } from '../../src/runtime-api/surface-guard.ts';
import type { SubscriptionOutcome, TelemetryPort, TelemetrySubscription } from '../../src/runtime-api/telemetry/telemetry-subscription.ts';
import { bindLoopbackSocket } from './kernel-objects.ts';
import { RuntimeClient } from './runtime-client.ts';

/** Notes what a Runtime API tells its environment. */
export class RecordingPort implements RuntimeApiPort {
  readonly calls: string[] = [];
  readonly payloads: Buffer[] = [];
  readonly contentTypes: (string | undefined)[] = [];
  readonly failures: RuntimeFailure[] = [];
  readonly registered: ExtensionDescription[] = [];
  onReady: () => void = () => {};
  onResponding: (stream: ResponseStream) => void = () => {};
  onExtensionsChanged: () => void = () => {};

  ready(): void {
    this.calls.push('ready');
    this.onReady();
  }
  initFailed(failure: RuntimeFailure): void {
    this.calls.push('initFailed');
    this.failures.push(failure);
  }
  responded(payload: Buffer, contentType: string | undefined): void {
    this.calls.push('responded');
    this.contentTypes.push(contentType);
    this.payloads.push(payload);
  }
  responding(stream: ResponseStream): void {
    this.calls.push('responding');
    this.onResponding(stream);
  }
  failed(failure: RuntimeFailure): void {
    this.calls.push('failed');
    this.failures.push(failure);
  }
  respondedTooMuch(): void {
    this.calls.push('respondedTooMuch');
  }
  extensionRegistered(extension: ExtensionDescription): void {
    this.calls.push(`registered ${extension.name}`);
    this.registered.push(extension);
  }
  extensionsChanged(): void {
    this.onExtensionsChanged();
  }
  extensionFailed({ name, phase, errorType }: ExtensionFailure): void {
    this.calls.push(`${phase} error of ${name}: ${errorType}`);
  }
  exceeded(limit: SurfaceLimit): void {
    this.calls.push(`exceeded ${limit}`);
  }
}

/** Notes subscriptions, and answers them as it is told. */
export class RecordingTelemetry implements TelemetryPort {
  readonly subscriptions: { readonly name: string; readonly subscription: TelemetrySubscription }[] = [];
  outcome: SubscriptionOutcome = 'subscribed';

  subscribe(name: string, subscription: TelemetrySubscription): SubscriptionOutcome {
    this.subscriptions.push({ name, subscription });
    return this.outcome;
  }
}

export interface ServedRuntimeApi {
  readonly api: RuntimeApi;
  readonly port: RecordingPort;
  readonly telemetry: RecordingTelemetry;
  readonly tcpPort: number;
  readonly client: RuntimeClient;
}

export interface ServedRuntimeApiOptions {
  readonly streamLimits?: StreamLimits;
  /** Of the daemon's time. @default what the daemon gives */
  readonly shareUsPerSecond?: number;
}

/** A Runtime API on the loopback, as an environment's is inside; whoever asks for it closes `client` and `api`. */
export async function serveRuntimeApi(
  clock: Clock = systemClock,
  { streamLimits = { maxBytes: 1_048_576 }, shareUsPerSecond = 50_000 }: ServedRuntimeApiOptions = {},
): Promise<ServedRuntimeApi> {
  const { descriptor, port: tcpPort } = bindLoopbackSocket();
  const port = new RecordingPort();
  const telemetry = new RecordingTelemetry();
  const api = await createRuntimeApi({
    descriptor,
    port,
    telemetry,
    streamLimits,
    function: { accountId: '123456789012', functionName: 'thumbnail', version: '$LATEST', handler: 'index.handler' },
    share: new TokenBudget({ tokensPerSecond: shareUsPerSecond, burst: 100_000, clock }),
    schedule: clock.schedule.bind(clock),
  });
  await api.expectRuntime();
  return { api, port, telemetry, tcpPort, client: new RuntimeClient(tcpPort) };
}
