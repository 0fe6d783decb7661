import type { Reading } from '../../evidence.ts';
import type { OciEnvironment } from './oci-environment.ts';

/** The block rate limits as the kernel has them now, what it has counted, and what is left of the buckets. */
export function blockEvidence(environment: OciEnvironment): Readonly<Record<string, Reading>> {
  return environment.blockWall.readings();
}
