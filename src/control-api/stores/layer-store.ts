import type { LayerVersion } from '../../functions/layer-version.ts';

export interface LayerVersionNumber {
  readonly accountId: string;
  readonly layerName: string;
  readonly version: number;
}

/** A version matches a filter only when its publisher named the value. */
export interface LayerFilter {
  readonly runtime?: string | undefined;
  readonly architecture?: string | undefined;
}

/** Layers and their versions. */
export interface LayerStore {
  /** Stores the next version of a layer, in one transaction, and answers it with its number. */
  publish(layer: Omit<LayerVersion, 'version'>): Promise<LayerVersion>;
  find(key: LayerVersionNumber): Promise<LayerVersion | undefined>;
  /** The newest matching version of each layer that has one, by name, beginning after `after`. */
  list(accountId: string, options: { filter: LayerFilter; after?: string | undefined; limit: number }): Promise<readonly LayerVersion[]>;
  /** Matching versions of one layer, newest first, beginning below `below`. */
  listVersions(
    layer: { accountId: string; layerName: string },
    options: { filter: LayerFilter; below?: number | undefined; limit: number },
  ): Promise<readonly LayerVersion[]>;
  /** Removes a version; its number is never given again. False when there is none. */
  remove(key: LayerVersionNumber): Promise<boolean>;
  /** Bytes of all archives of an account's layer versions. */
  archiveBytes(accountId: string): Promise<number>;
}
