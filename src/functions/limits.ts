/** What this host grants. The service model's own bounds are wider: they say what a request may ask for. */
export interface FunctionLimits {
  readonly maxZippedBytes: number;
  /** Code and layers together must stay below this. */
  readonly unzippedBytesBelow: number;
  /** All archives of an account's functions and layers. */
  readonly maxTotalCodeBytes: number;
  readonly maxUploadRequestBytes: number;
  readonly maxRequestBytes: number;
  readonly maxInvokePayloadBytes: number;
  /** Of an asynchronous invocation. */
  readonly maxEventBytes: number;
  readonly maxEnvironmentBytes: number;
  readonly maxFunctionNameLength: number;
  readonly maxLayers: number;
  readonly maxTags: number;
  readonly defaultTimeoutSeconds: number;
  readonly maxTimeoutSeconds: number;
  readonly defaultMemorySizeMiB: number;
  readonly maxMemorySizeMiB: number;
  readonly defaultEphemeralStorageMiB: number;
  readonly maxEphemeralStorageMiB: number;
}

/** Lambda's documented quotas. */
export const lambdaLimits: FunctionLimits = {
  maxZippedBytes: 52_428_800,
  unzippedBytesBelow: 262_144_000,
  maxTotalCodeBytes: 80_530_636_800,
  maxUploadRequestBytes: 70_167_211,
  maxRequestBytes: 1_048_576,
  maxInvokePayloadBytes: 6_291_456,
  maxEventBytes: 1_048_576,
  maxEnvironmentBytes: 4_096,
  maxFunctionNameLength: 64,
  maxLayers: 5,
  maxTags: 50,
  defaultTimeoutSeconds: 3,
  maxTimeoutSeconds: 900,
  defaultMemorySizeMiB: 128,
  maxMemorySizeMiB: 10_240,
  defaultEphemeralStorageMiB: 512,
  maxEphemeralStorageMiB: 10_240,
};
