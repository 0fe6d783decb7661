import type { CodeArtifact } from './function-record.ts';

/** An immutable version of a layer, as it is stored. */
export interface LayerVersion {
  readonly accountId: string;
  readonly layerName: string;
  readonly version: number;
  readonly description: string;
  readonly licenseInfo?: string;
  /** Absent when the publisher said nothing: then it matches no filter. */
  readonly compatibleRuntimes?: readonly string[];
  readonly compatibleArchitectures?: readonly string[];
  /** ISO 8601, UTC, milliseconds. */
  readonly createdDate: string;
  readonly code: CodeArtifact;
}
