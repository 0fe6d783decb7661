import type { Kysely } from 'kysely';
import type { Artifact, ArtifactLedger, BuiltImage } from '../control-api/stores/artifact-ledger.ts';
import type { DatabaseSchema } from './database-schema.ts';

/** Which archives and images exist, and by joining with what refers to them, which are needed no more. */
export class SqliteArtifactLedger implements ArtifactLedger {
  readonly #database: Kysely<DatabaseSchema>;

  constructor(database: Kysely<DatabaseSchema>) {
    this.#database = database;
  }

  async record({ accountId, kind, digest }: Artifact): Promise<void> {
    await this.#database
      .insertInto('artifacts')
      .values({ account_id: accountId, kind, digest })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async listUnreferenced(accountId: string): Promise<readonly Artifact[]> {
    const archives = await this.#recorded(accountId, 'archive')
      .where('digest', 'not in', (eb) => eb.selectFrom('function_versions').select('archive_digest').where('account_id', '=', accountId))
      .where('digest', 'not in', (eb) => eb.selectFrom('layer_versions').select('archive_digest').where('account_id', '=', accountId))
      .execute();
    const images = await this.#recorded(accountId, 'image')
      .where('digest', 'not in', (eb) => eb.selectFrom('function_versions').select('image_digest').where('account_id', '=', accountId))
      .where('digest', 'not in', (eb) => eb.selectFrom('layer_versions').select('image_digest').where('account_id', '=', accountId))
      // A layer's image is needed by the functions that use it, wherever the layer version is.
      .where('digest', 'not in', (eb) => eb.selectFrom('function_version_layers').select('image_digest').where('layer_account_id', '=', accountId))
      .execute();
    return [...archives, ...images].map(({ kind, digest }) => ({ accountId, kind, digest }));
  }

  async findImage({ accountId, archiveDigest }: { readonly accountId: string; readonly archiveDigest: string }): Promise<BuiltImage | undefined> {
    const of = (table: 'function_versions' | 'layer_versions') =>
      this.#database
        .selectFrom(table)
        .select(['image_digest as imageDigest', 'unpacked_bytes as unpackedBytes'])
        .where('account_id', '=', accountId)
        .where('archive_digest', '=', archiveDigest)
        .limit(1)
        .executeTakeFirst();
    return (await of('function_versions')) ?? (await of('layer_versions'));
  }

  async forget({ accountId, kind, digest }: Artifact): Promise<void> {
    await this.#database.deleteFrom('artifacts').where('account_id', '=', accountId).where('kind', '=', kind).where('digest', '=', digest).execute();
  }

  async accountsWithArtifacts(): Promise<readonly string[]> {
    const rows = await this.#database.selectFrom('artifacts').select('account_id').distinct().execute();
    return rows.map((row) => row.account_id);
  }

  #recorded(accountId: string, kind: Artifact['kind']) {
    return this.#database.selectFrom('artifacts').select(['kind', 'digest']).where('account_id', '=', accountId).where('kind', '=', kind);
  }
}
