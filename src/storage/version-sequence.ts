import { latestVersion } from '../functions/arn.ts';

/** A version as rows hold it: `$LATEST` is 0; what is neither that nor a version's number is no row at all, -1. */
export function toSequence(version: string): number {
  if (version === latestVersion) return 0;
  return /^[1-9]\d{0,14}$/.test(version) ? Number(version) : -1;
}

/** A row's version as clients name it. */
export function toVersion(sequence: number): string {
  return sequence === 0 ? latestVersion : String(sequence);
}
