import { randomUUID } from 'node:crypto';
import type { Kysely, Selectable, Transaction } from 'kysely';
import type { FunctionKey, FunctionStore, PublishOptions } from '../control-api/function-store.ts';
import { CloisterError } from '../errors.ts';
import { latestVersion } from '../functions/arn.ts';
import type { FunctionConfiguration, FunctionRecord } from '../functions/function-record.ts';
import { toFunctionVersion } from '../functions/function-record.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import type { DatabaseSchema } from './database-schema.ts';
import { deletePolicy } from './sqlite-policy-store.ts';

type VersionRow = Selectable<DatabaseSchema['function_versions']>;

const maxCachedVersions = 10_000;

/** Functions in the metadata database. This process is the file's only writer, so what it keeps in memory for the invoke path is true. */
export class SqliteFunctionStore implements FunctionStore {
  readonly #database: Kysely<DatabaseSchema>;
  readonly #region: string;
  readonly #clock: () => number;
  readonly #onChange: (key: FunctionKey) => void;
  readonly #cache = new Map<string, FunctionVersion>();
  /** Counts changes: an answer read before one must not enter the cache after it. */
  #changes = 0;

  constructor(database: Kysely<DatabaseSchema>, options: { region: string; clock: () => number; onChange?: (key: FunctionKey) => void }) {
    this.#database = database;
    this.#region = options.region;
    this.#clock = options.clock;
    this.#onChange = options.onChange ?? (() => {});
  }

  async create(
    record: FunctionRecord,
    options: { tags: Readonly<Record<string, string>>; publish?: PublishOptions | undefined },
  ): Promise<FunctionRecord> {
    const { accountId, functionName } = record;
    return this.#change(record, async (transaction) => {
      const taken = await transaction
        .insertInto('functions')
        .values({ account_id: accountId, function_name: functionName, last_version: 0, published_revision_id: null, created_at: record.lastModified })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (taken.numInsertedOrUpdatedRows === 0n) throw new CloisterError('Conflict', 'the function exists', { operation: 'createFunction' });
      await insertVersion(transaction, record, 0);
      const tags = Object.entries(options.tags);
      if (tags.length > 0) {
        const rows = tags.map(([key, value]) => ({ account_id: accountId, function_name: functionName, tag_key: key, tag_value: value }));
        await transaction.insertInto('function_tags').values(rows).execute();
      }
      return options.publish === undefined ? record : this.#publishIn(transaction, record, options.publish);
    });
  }

  async find(key: FunctionKey, version: string): Promise<FunctionRecord | undefined> {
    const row = await selectVersion(this.#database, key, version);
    return row === undefined ? undefined : toRecord(row);
  }

  async findForInvoke(key: FunctionKey, version: string): Promise<FunctionVersion | undefined> {
    const name = `${key.accountId}:${key.functionName}:${version}`;
    const known = this.#cache.get(name);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const record = await this.find(key, version);
    if (record === undefined) return undefined;
    const found = toFunctionVersion(record, this.#region);
    if (this.#changes === changes) {
      if (this.#cache.size >= maxCachedVersions) this.#cache.clear();
      this.#cache.set(name, found);
    }
    return found;
  }

  async list(options: {
    accountId: string;
    allVersions: boolean;
    after?: { functionName: string; version: string } | undefined;
    limit: number;
  }): Promise<readonly FunctionRecord[]> {
    let query = this.#database.selectFrom('function_versions').selectAll().where('account_id', '=', options.accountId);
    if (!options.allVersions) query = query.where('sequence', '=', 0);
    if (options.after !== undefined) {
      const { functionName, version } = options.after;
      query = query.where(({ and, eb, or }) =>
        or([eb('function_name', '>', functionName), and([eb('function_name', '=', functionName), eb('sequence', '>', toSequence(version))])]),
      );
    }
    const rows = await query.orderBy('function_name').orderBy('sequence').limit(options.limit).execute();
    return rows.map(toRecord);
  }

  async count(accountId: string | undefined): Promise<number> {
    let query = this.#database.selectFrom('functions').select(({ fn }) => fn.countAll<number>().as('count'));
    if (accountId !== undefined) query = query.where('account_id', '=', accountId);
    return (await query.executeTakeFirstOrThrow()).count;
  }

  async tags(key: FunctionKey): Promise<Readonly<Record<string, string>>> {
    const rows = await this.#database
      .selectFrom('function_tags')
      .select(['tag_key', 'tag_value'])
      .where('account_id', '=', key.accountId)
      .where('function_name', '=', key.functionName)
      .orderBy('tag_key')
      .execute();
    return Object.fromEntries(rows.map((row) => [row.tag_key, row.tag_value]));
  }

  async replaceLatest(
    record: FunctionRecord,
    options: { expectedRevisionId: string; publish?: PublishOptions | undefined },
  ): Promise<FunctionRecord> {
    return this.#change(record, async (transaction) => {
      await expectLatest(transaction, record, options.expectedRevisionId);
      await deleteVersion(transaction, record, 0);
      await insertVersion(transaction, record, 0);
      return options.publish === undefined ? record : this.#publishIn(transaction, record, options.publish);
    });
  }

  async publish(key: FunctionKey, options: PublishOptions & { expectedRevisionId: string }): Promise<FunctionRecord> {
    return this.#change(key, async (transaction) => {
      const latest = toRecord(await expectLatest(transaction, key, options.expectedRevisionId));
      const { last_version: lastVersion, published_revision_id: publishedRevisionId } = await transaction
        .selectFrom('functions')
        .select(['last_version', 'published_revision_id'])
        .where('account_id', '=', key.accountId)
        .where('function_name', '=', key.functionName)
        .executeTakeFirstOrThrow();
      const last = publishedRevisionId === latest.revisionId ? await selectVersion(transaction, key, String(lastVersion)) : undefined;
      return last === undefined ? this.#publishIn(transaction, latest, options) : toRecord(last);
    });
  }

  async remove(key: FunctionKey, version?: string): Promise<boolean> {
    return this.#change(key, async (transaction) => {
      if (version !== undefined) {
        await deletePolicy(transaction, { ...key, qualifier: version });
        return deleteVersion(transaction, key, toSequence(version));
      }
      // Versions, layers' references, tags and policies go with it: foreign keys cascade.
      const removed = await transaction
        .deleteFrom('functions')
        .where('account_id', '=', key.accountId)
        .where('function_name', '=', key.functionName)
        .executeTakeFirst();
      return removed.numDeletedRows > 0n;
    });
  }

  async #publishIn(transaction: Transaction<DatabaseSchema>, latest: FunctionRecord, options: PublishOptions): Promise<FunctionRecord> {
    const { last_version: sequence } = await transaction
      .updateTable('functions')
      .set((eb) => ({ last_version: eb('last_version', '+', 1), published_revision_id: latest.revisionId }))
      .where('account_id', '=', latest.accountId)
      .where('function_name', '=', latest.functionName)
      .returning('last_version')
      .executeTakeFirstOrThrow();
    const published: FunctionRecord = {
      ...latest,
      version: String(sequence),
      revisionId: randomUUID(),
      lastModified: new Date(this.#clock()).toISOString(),
      configuration: { ...latest.configuration, description: options.description ?? latest.configuration.description },
    };
    await insertVersion(transaction, published, sequence);
    return published;
  }

  async #change<T>(key: FunctionKey, work: (transaction: Transaction<DatabaseSchema>) => Promise<T>): Promise<T> {
    try {
      return await this.#database.transaction().execute(work);
    } finally {
      this.#changes += 1;
      const prefix = `${key.accountId}:${key.functionName}:`;
      for (const name of this.#cache.keys()) if (name.startsWith(prefix)) this.#cache.delete(name);
      this.#onChange(key);
    }
  }
}

async function insertVersion(transaction: Transaction<DatabaseSchema>, record: FunctionRecord, sequence: number): Promise<void> {
  const { accountId, functionName, configuration, code } = record;
  await transaction
    .insertInto('function_versions')
    .values({
      account_id: accountId,
      function_name: functionName,
      sequence,
      revision_id: record.revisionId,
      last_modified: record.lastModified,
      configuration: JSON.stringify(configuration),
      archive_digest: code.archiveDigest,
      archive_bytes: code.archiveBytes,
      image_digest: code.imageDigest,
      unpacked_bytes: code.unpackedBytes,
    })
    .execute();
  if (configuration.layers.length === 0) return;
  await transaction
    .insertInto('function_version_layers')
    .values(
      configuration.layers.map((layer) => ({
        account_id: accountId,
        function_name: functionName,
        sequence,
        layer_account_id: layer.accountId,
        image_digest: layer.digest,
      })),
    )
    // Two layers may hold the same bytes.
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function deleteVersion(transaction: Transaction<DatabaseSchema>, key: FunctionKey, sequence: number): Promise<boolean> {
  const removed = await transaction
    .deleteFrom('function_versions')
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where('sequence', '=', sequence)
    .executeTakeFirst();
  return removed.numDeletedRows > 0n;
}

async function expectLatest(transaction: Transaction<DatabaseSchema>, key: FunctionKey, expectedRevisionId: string): Promise<VersionRow> {
  const row = await selectVersion(transaction, key, latestVersion);
  if (row === undefined) throw new CloisterError('NotFound', 'the function is gone', { operation: 'changeFunction' });
  if (row.revision_id !== expectedRevisionId) {
    throw new CloisterError('Conflict', 'the function was changed at the same time', { operation: 'changeFunction' });
  }
  return row;
}

function selectVersion(database: Kysely<DatabaseSchema>, key: FunctionKey, version: string): Promise<VersionRow | undefined> {
  return database
    .selectFrom('function_versions')
    .selectAll()
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where('sequence', '=', toSequence(version))
    .executeTakeFirst();
}

/** `$LATEST` is 0; what is neither that nor a version's number is no row at all. */
function toSequence(version: string): number {
  if (version === latestVersion) return 0;
  return /^[1-9]\d{0,14}$/.test(version) ? Number(version) : -1;
}

function toRecord(row: VersionRow): FunctionRecord {
  return {
    accountId: row.account_id,
    functionName: row.function_name,
    version: row.sequence === 0 ? latestVersion : String(row.sequence),
    revisionId: row.revision_id,
    lastModified: row.last_modified,
    configuration: JSON.parse(row.configuration) as FunctionConfiguration,
    code: { archiveDigest: row.archive_digest, archiveBytes: row.archive_bytes, imageDigest: row.image_digest, unpackedBytes: row.unpacked_bytes },
  };
}
