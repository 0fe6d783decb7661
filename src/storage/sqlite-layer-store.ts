import type { Kysely, Selectable, SqlBool } from 'kysely';
import { sql } from 'kysely';
import type { LayerFilter, LayerStore, LayerVersionNumber } from '../control-api/stores/layer-store.ts';
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
          compatible_runtimes: JSON.stringify(layer.compatibleRuntimes ?? null),
          compatible_architectures: JSON.stringify(layer.compatibleArchitectures ?? null),
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

  async find(key: LayerVersionNumber): Promise<LayerVersion | undefined> {
    const row = await this.#database
      .selectFrom('layer_versions')
      .selectAll()
      .where('account_id', '=', key.accountId)
      .where('layer_name', '=', key.layerName)
      .where('version', '=', key.version)
      .executeTakeFirst();
    return row === undefined ? undefined : toLayerVersion(row);
  }

  async list(accountId: string, options: { filter: LayerFilter; after?: string | undefined; limit: number }): Promise<readonly LayerVersion[]> {
    const { filter, after = '', limit } = options;
    const newest = this.#database
      .selectFrom('layer_versions')
      .select(['layer_name', ({ fn }) => fn.max('version').as('version')])
      .where('account_id', '=', accountId)
      .where('layer_name', '>', after)
      .where(matching(filter))
      .groupBy('layer_name')
      .orderBy('layer_name')
      .limit(limit);
    const rows = await this.#database
      .selectFrom('layer_versions')
      .innerJoin(newest.as('newest'), (join) =>
        join.onRef('newest.layer_name', '=', 'layer_versions.layer_name').onRef('newest.version', '=', 'layer_versions.version'),
      )
      .selectAll('layer_versions')
      .where('account_id', '=', accountId)
      .orderBy('layer_versions.layer_name')
      .execute();
    return rows.map(toLayerVersion);
  }

  async listVersions(
    { accountId, layerName }: { accountId: string; layerName: string },
    options: { filter: LayerFilter; below?: number | undefined; limit: number },
  ): Promise<readonly LayerVersion[]> {
    const { filter, below = Number.MAX_SAFE_INTEGER, limit } = options;
    const rows = await this.#database
      .selectFrom('layer_versions')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('layer_name', '=', layerName)
      .where('version', '<', below)
      .where(matching(filter))
      .orderBy('version', 'desc')
      .limit(limit)
      .execute();
    return rows.map(toLayerVersion);
  }

  async remove(key: LayerVersionNumber): Promise<boolean> {
    // Its policy goes with it: the foreign key cascades. Functions that use it hold its image by themselves.
    const removed = await this.#database
      .deleteFrom('layer_versions')
      .where('account_id', '=', key.accountId)
      .where('layer_name', '=', key.layerName)
      .where('version', '=', key.version)
      .executeTakeFirst();
    return removed.numDeletedRows > 0n;
  }

  async archiveBytes(accountId: string): Promise<number> {
    const row = await this.#database
      .selectFrom('layer_versions')
      .select(({ fn }) => fn.sum<number | null>('archive_bytes').as('bytes'))
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow();
    return row.bytes ?? 0;
  }
}

/** True of versions that name each value of the filter. */
function matching({ runtime, architecture }: LayerFilter) {
  const names = (column: 'compatible_runtimes' | 'compatible_architectures', value: string | undefined) =>
    value === undefined ? sql<SqlBool>`true` : sql<SqlBool>`${value} in (select value from json_each(${sql.ref(column)}))`;
  return sql<SqlBool>`${names('compatible_runtimes', runtime)} and ${names('compatible_architectures', architecture)}`;
}

function toLayerVersion(row: Selectable<DatabaseSchema['layer_versions']>): LayerVersion {
  const runtimes = JSON.parse(row.compatible_runtimes) as string[] | null;
  const architectures = JSON.parse(row.compatible_architectures) as string[] | null;
  return {
    accountId: row.account_id,
    layerName: row.layer_name,
    version: row.version,
    description: row.description,
    ...(row.license_info === null ? {} : { licenseInfo: row.license_info }),
    ...(runtimes === null ? {} : { compatibleRuntimes: runtimes }),
    ...(architectures === null ? {} : { compatibleArchitectures: architectures }),
    createdDate: row.created_at,
    code: {
      archiveDigest: row.archive_digest,
      archiveBytes: row.archive_bytes,
      imageDigest: row.image_digest,
      unpackedBytes: row.unpacked_bytes,
    },
  };
}
