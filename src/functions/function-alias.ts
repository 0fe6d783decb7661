/** A name for one version of a function, or for two that share its invocations. */
export interface FunctionAlias {
  readonly accountId: string;
  readonly functionName: string;
  readonly aliasName: string;
  /** `$LATEST` or a number; the version of every invocation that `additionalVersion` does not take. */
  readonly functionVersion: string;
  readonly description: string;
  readonly revisionId: string;
  readonly additionalVersion?: WeightedVersion;
}

/** A version that takes a share of an alias's invocations: RoutingConfig's AdditionalVersionWeights, of which Lambda takes one. */
export interface WeightedVersion {
  readonly version: string;
  /** 0 to 1. */
  readonly weight: number;
}

/** The version that serves the next invocation of an alias. `random` answers numbers from 0 up to, and without, 1. */
export function chooseVersion(alias: FunctionAlias, random: () => number): string {
  const { functionVersion, additionalVersion } = alias;
  return additionalVersion !== undefined && random() < additionalVersion.weight ? additionalVersion.version : functionVersion;
}
