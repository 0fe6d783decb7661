import type { ExtensionRegistry } from './extensions/extension-registry.ts';
import type { ResponseStreamOptions } from './response-stream.ts';
import type { RuntimeApiPort } from './runtime-api-port.ts';
import type { RuntimeSession } from './runtime-session.ts';
import type { SurfaceGuard } from './surface-guard.ts';
import type { TelemetryPort } from './telemetry/telemetry-subscription.ts';

/** What a registered extension is told of the function that it is with. */
export interface FunctionIdentity {
  readonly accountId: string;
  readonly functionName: string;
  readonly version: string;
  readonly handler: string;
}

/** What every endpoint works on. */
export interface RuntimeExchange {
  readonly session: RuntimeSession;
  readonly port: RuntimeApiPort;
  readonly guard: SurfaceGuard;
  readonly function: FunctionIdentity;
  /** Of the processes that live now. */
  readonly extensions: ExtensionRegistry;
  readonly telemetry: TelemetryPort;
  readonly streams: Pick<ResponseStreamOptions, 'limits' | 'schedule'>;
}
