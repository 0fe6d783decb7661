import type { Kysely } from 'kysely';
import type { LayerStore } from '../control-api/layer-store.ts';
import type { LayerVersion } from '../functions/layer-version.ts';
import type { DatabaseSchema } from './database-schema.ts';

/** Layers in the metadata database. */
export class SqliteLayerStore implements LayerStore {
  readonly #database: Kysely<DatabaseSchema>;

  constructor(database: Kysely<DatabaseSchema>) {
    this.#database = database;
  }

  async publish(layer: Omit<LayerVersion, 'version'>): Promise<LayerVersion> {
    return this.#database.transaction().execute(async (transaction) => {
      const { last_version: version } = await transaction
        .insertInto('layers')
        .values({ account_id: layer.accountId, layer_name: layer.layerName, last_version: 1 })
        .onConflict((conflict) =>
          conflict.columns(['account_id', 'layer_name']).doUpdateSet((eb) => ({ last_version: eb('layers.last_version', '+', 1) })),
        )
        .returning('last_version')
        .executeTakeFirstOrThrow();
      await transaction
        .insertInto('layer_versions')
        .values({
          account_id: layer.accountId,
          layer_name: layer.layerName,
          version,
          description: layer.description,
          license_info: layer.licenseInfo ?? null,
          compatible_runtimes: JSON.stringify(layer.compatibleRuntimes),
          compatible_architectures: JSON.stringify(layer.compatibleArchitectures),
          created_at: layer.createdDate,
          archive_digest: layer.code.archiveDigest,
          archive_bytes: layer.code.archiveBytes,
          image_digest: layer.code.imageDigest,
          unpacked_bytes: layer.code.unpackedBytes,
        })
        .execute();
      return { ...layer, version };
    });
  }

  async find(key: { accountId: string; layerName: string; version: number }): Promise<LayerVersion | undefined> {
    const row = await this.#database
      .selectFrom('layer_versions')
      .selectAll()
      .where('account_id', '=', key.accountId)
      .where('layer_name', '=', key.layerName)
      .where('version', '=', key.version)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return {
      accountId: row.account_id,
      layerName: row.layer_name,
      version: row.version,
      description: row.description,
      ...(row.license_info === null ? {} : { licenseInfo: row.license_info }),
      compatibleRuntimes: JSON.parse(row.compatible_runtimes) as string[],
      compatibleArchitectures: JSON.parse(row.compatible_architectures) as string[],
      createdDate: row.created_at,
      code: {
        archiveDigest: row.archive_digest,
        archiveBytes: row.archive_bytes,
        imageDigest: row.image_digest,
        unpackedBytes: row.unpacked_bytes,
      },
    };
  }
}
