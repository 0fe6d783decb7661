import type { Readable } from 'node:stream';

/** Uploaded zips, kept as they came, per account and by digest. */
export interface ArchiveStore {
  /** Whole and on disk when it resolves; a second time is a no-op. */
  put(accountId: string, digest: string, bytes: Uint8Array): Promise<void>;
  open(accountId: string, digest: string): Promise<{ readonly sizeBytes: number; readonly stream: Readable } | undefined>;
  /** A second time is a no-op. */
  remove(accountId: string, digest: string): Promise<void>;
}
