/** The Telemetry API's schemas, oldest first. A later one only adds members. */
export const telemetrySchemas = ['2022-07-01', '2022-12-13', '2025-01-29'] as const;
export type TelemetrySchema = (typeof telemetrySchemas)[number];

/** What an extension can ask for: the platform's events, lines of the function, lines of extensions. */
export const telemetryStreams = ['platform', 'function', 'extension'] as const;
export type TelemetryStream = (typeof telemetryStreams)[number];

/** Where telemetry goes: always a port of 127.0.0.1 inside the environment. */
export type TelemetryDestination =
  /** `host` and `path` as the extension wrote them: they are only repeated to it. */
  | { readonly protocol: 'HTTP'; readonly port: number; readonly host: string; readonly path: string }
  | { readonly protocol: 'TCP'; readonly port: number };

export interface TelemetryBuffering {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** A subscription that has passed all checks. */
export interface TelemetrySubscription {
  readonly schema: TelemetrySchema;
  readonly streams: readonly TelemetryStream[];
  readonly buffering: TelemetryBuffering;
  readonly destination: TelemetryDestination;
}

/** `closed`: the init is over. `full`: there are as many as one environment may have. */
export type SubscriptionOutcome = 'subscribed' | 'alreadySubscribed' | 'closed' | 'full';

/** The environment's telemetry as its Runtime API sees it. */
export interface TelemetryPort {
  subscribe(extensionName: string, subscription: TelemetrySubscription): SubscriptionOutcome;
}
