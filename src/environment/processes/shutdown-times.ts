/** How long the processes of an environment get to end by themselves. */
export interface ShutdownTimes {
  /** From SIGTERM to SIGKILL of the runtime; extensions are told after it has gone. */
  readonly runtimeMs: number;
  /** Of everything. */
  readonly totalMs: number;
}

/**
 * Lambda's limits of the Shutdown phase: nothing without extensions, 500 ms with internal ones, 2,000 ms with external ones; of these the runtime gets
 * up to 300 ms, 500 ms with an internal extension. Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */
export function shutdownTimes(extensions: { readonly hasExternal: boolean; readonly hasInternal: boolean }): ShutdownTimes {
  const runtimeMs = extensions.hasInternal ? 500 : 300;
  if (extensions.hasExternal) return { runtimeMs, totalMs: 2_000 };
  return extensions.hasInternal ? { runtimeMs, totalMs: 500 } : { runtimeMs: 0, totalMs: 0 };
}
