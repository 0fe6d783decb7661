import type { LayerVersion } from '../functions/layer-version.ts';

/** Layers and their versions. */
export interface LayerStore {
  /** Stores the next version of a layer, in one transaction, and answers it with its number. */
  publish(layer: Omit<LayerVersion, 'version'>): Promise<LayerVersion>;
  find(key: { accountId: string; layerName: string; version: number }): Promise<LayerVersion | undefined>;
}
