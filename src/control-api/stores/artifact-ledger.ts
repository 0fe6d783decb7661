import type { CodeArtifact } from '../../functions/function-record.ts';

/** A file that stands for stored code: the uploaded zip, or the image the agent built from it. */
export interface Artifact {
  readonly accountId: string;
  readonly kind: 'archive' | 'image';
  /** 64 hexadecimal digits of SHA-256. */
  readonly digest: string;
}

/** What the builder made of an archive. */
export type BuiltImage = Pick<CodeArtifact, 'imageDigest' | 'unpackedBytes'>;

/** Knows which files exist, so that none outlives the last function or layer version that needs it. */
export interface ArtifactLedger {
  /** Idempotent. */
  record(artifact: Artifact): Promise<void>;
  /** Recorded, but needed by no function version and no layer version. */
  listUnreferenced(accountId: string): Promise<readonly Artifact[]>;
  /** The image that a version of this account, and of no other, has of the same archive. */
  findImage(archive: { readonly accountId: string; readonly archiveDigest: string }): Promise<BuiltImage | undefined>;
  forget(artifact: Artifact): Promise<void>;
  accountsWithArtifacts(): Promise<readonly string[]>;
}
