import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Kysely, Selectable, Transaction } from 'kysely';
import type { FunctionKey, FunctionStore, PublishOptions, RemoveOutcome, TagChange } from '../control-api/stores/function-store.ts';
import { CloisterError } from '../errors.ts';
import { latestVersion } from '../functions/arn.ts';
import type { FunctionConfiguration, FunctionRecord } from '../functions/function-record.ts';
import { environmentRevisionOf, toFunctionVersion } from '../functions/function-record.ts';
import type { FunctionStatus, StatusReason } from '../functions/function-status.ts';
import { failedStatus } from '../functions/function-status.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import type { DatabaseSchema } from './database-schema.ts';
import type { FunctionCache } from './function-cache.ts';
import { setFunctionSetting } from './set-function-setting.ts';
import { aliasesOfVersion } from './sqlite-alias-store.ts';
import { removeEventInvokeConfig } from './sqlite-event-invoke-config-store.ts';
import { deletePolicy } from './sqlite-policy-store.ts';
import { toSequence, toVersion } from './version-sequence.ts';

type VersionRow = Selectable<DatabaseSchema['function_versions']>;

/** Functions in the metadata database. */
export class SqliteFunctionStore implements FunctionStore {
  readonly #database: Kysely<DatabaseSchema>;
  readonly #region: string;
  readonly #clock: () => number;
  readonly #cache: FunctionCache;
  readonly #onChange: (key: FunctionKey) => void;

  constructor(
    database: Kysely<DatabaseSchema>,
    options: { region: string; clock: () => number; cache: FunctionCache; onChange: (key: FunctionKey) => void },
  ) {
    this.#database = database;
    this.#region = options.region;
    this.#clock = options.clock;
    this.#cache = options.cache;
    this.#onChange = options.onChange;
  }

  async create(
    record: FunctionRecord,
    options: { tags: Readonly<Record<string, string>>; publish?: PublishOptions | undefined; codeSigningConfigId?: string | undefined },
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
      await insertTags(transaction, record, options.tags);
      if (options.codeSigningConfigId !== undefined) {
        await setFunctionSetting(transaction, record, { code_signing_config_id: options.codeSigningConfigId });
      }
      return options.publish === undefined ? record : this.#publishIn(transaction, record, options.publish);
    });
  }

  async find(key: FunctionKey, version: string): Promise<FunctionRecord | undefined> {
    const row = await selectVersion(this.#database, key, version);
    return row === undefined ? undefined : toRecord(row);
  }

  findForInvoke(key: FunctionKey, version: string): Promise<FunctionVersion | undefined> {
    return this.#cache.version(key, version, async () => {
      const record = await this.find(key, version);
      return record === undefined ? undefined : this.#withSettings(toFunctionVersion(record, this.#region));
    });
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

  async listVersions(key: FunctionKey, options: { after?: string | undefined; limit: number }): Promise<readonly FunctionRecord[]> {
    let query = this.#database
      .selectFrom('function_versions')
      .selectAll()
      .where('account_id', '=', key.accountId)
      .where('function_name', '=', key.functionName);
    if (options.after !== undefined) query = query.where('sequence', '>', toSequence(options.after));
    const rows = await query.orderBy('sequence').limit(options.limit).execute();
    return rows.map(toRecord);
  }

  async count(accountId: string | undefined): Promise<number> {
    let query = this.#database.selectFrom('functions').select(({ fn }) => fn.countAll<number>().as('count'));
    if (accountId !== undefined) query = query.where('account_id', '=', accountId);
    return (await query.executeTakeFirstOrThrow()).count;
  }

  async archiveBytes(accountId: string): Promise<number> {
    const row = await this.#database
      .selectFrom('function_versions')
      .select(({ fn }) => fn.sum<number | null>('archive_bytes').as('bytes'))
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow();
    return row.bytes ?? 0;
  }

  tags(key: FunctionKey): Promise<Readonly<Record<string, string>>> {
    return selectTags(this.#database, key);
  }

  async changeTags(key: FunctionKey, change: (current: Readonly<Record<string, string>>) => TagChange): Promise<void> {
    await this.#change(key, async (transaction) => {
      const row = await selectVersion(transaction, key, latestVersion);
      if (row === undefined) throw new CloisterError('NotFound', 'the function is gone', { operation: 'changeTags' });
      const { tags, isolation } = change(await selectTags(transaction, key));
      await transaction.deleteFrom('function_tags').where('account_id', '=', key.accountId).where('function_name', '=', key.functionName).execute();
      await insertTags(transaction, key, tags);
      const latest = toRecord(row);
      await renewRevision(transaction, latest);
      if (isolation === latest.configuration.isolation) return;
      const revision = randomUUID();
      await transaction
        .updateTable('function_versions')
        .set({ configuration: JSON.stringify({ ...latest.configuration, isolation }), revision_id: revision, environment_revision_id: null })
        .where('account_id', '=', key.accountId)
        .where('function_name', '=', key.functionName)
        .where('sequence', '=', 0)
        .execute();
    });
  }

  async replaceLatest(
    record: FunctionRecord,
    options: { expectedRevisionId: string; publish?: PublishOptions | undefined },
  ): Promise<FunctionRecord> {
    return this.#change(record, async (transaction) => {
      const current = toRecord(await expectLatest(transaction, record, options.expectedRevisionId));
      const replaced = isSame(record, current)
        ? { ...record, environmentRevisionId: environmentRevisionOf(current) }
        : withoutEnvironmentRevision(record);
      await deleteVersion(transaction, record, 0);
      await insertVersion(transaction, replaced, 0);
      return options.publish === undefined ? replaced : this.#publishIn(transaction, replaced, options.publish);
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
      const last = publishedRevisionId === environmentRevisionOf(latest) ? await selectVersion(transaction, key, String(lastVersion)) : undefined;
      return last === undefined ? this.#publishIn(transaction, latest, options) : toRecord(last);
    });
  }

  async setStatus(key: FunctionKey, status: FunctionStatus, options: { expectedRevisionId: string }): Promise<void> {
    await this.#change(key, async (transaction) => {
      await expectLatest(transaction, key, options.expectedRevisionId);
      await updateStatus(transaction, key, status);
    });
  }

  async failInterrupted(why: StatusReason): Promise<void> {
    const rows = await this.#database.selectFrom('function_versions').selectAll().where('status', 'is not', null).where('sequence', '=', 0).execute();
    for (const { accountId, functionName, status } of rows.map(toRecord)) {
      const isUpdate = status?.state === 'Active' && status.lastUpdate === 'InProgress';
      if (status?.state !== 'Pending' && !isUpdate) continue;
      const key = { accountId, functionName };
      await this.#change(key, (transaction) => updateStatus(transaction, key, failedStatus(isUpdate ? 'InProgress' : 'Pending', why)));
    }
  }

  async remove(key: FunctionKey, version?: string): Promise<RemoveOutcome> {
    return this.#change(key, async (transaction) => {
      if (version !== undefined) {
        const sequence = toSequence(version);
        const aliases = await aliasesOfVersion(transaction, key, sequence);
        if (aliases.length > 0) return { removed: false, aliases };
        await deletePolicy(transaction, { ...key, qualifier: version });
        await removeEventInvokeConfig(transaction, { ...key, qualifier: version });
        return { removed: await deleteVersion(transaction, key, sequence) };
      }
      // Versions, layers' references, aliases, tags and policies go with it: foreign keys cascade.
      const removed = await transaction
        .deleteFrom('functions')
        .where('account_id', '=', key.accountId)
        .where('function_name', '=', key.functionName)
        .executeTakeFirst();
      return { removed: removed.numDeletedRows > 0n };
    });
  }

  async #publishIn(transaction: Transaction<DatabaseSchema>, latest: FunctionRecord, options: PublishOptions): Promise<FunctionRecord> {
    const { last_version: sequence } = await transaction
      .updateTable('functions')
      .set((eb) => ({ last_version: eb('last_version', '+', 1), published_revision_id: environmentRevisionOf(latest) }))
      .where('account_id', '=', latest.accountId)
      .where('function_name', '=', latest.functionName)
      .returning('last_version')
      .executeTakeFirstOrThrow();
    const published: FunctionRecord = {
      ...withoutEnvironmentRevision(latest),
      version: String(sequence),
      revisionId: randomUUID(),
      lastModified: new Date(this.#clock()).toISOString(),
      configuration: { ...latest.configuration, description: options.description ?? latest.configuration.description },
    };
    await insertVersion(transaction, published, sequence);
    await renewRevision(transaction, latest);
    return published;
  }

  async #change<T>(key: FunctionKey, work: (transaction: Transaction<DatabaseSchema>) => Promise<T>): Promise<T> {
    try {
      return await this.#database.transaction().execute(work);
    } finally {
      this.#onChange(key);
    }
  }

  /** What holds for all versions of a function, and changes without a new revision. */
  async #withSettings(version: FunctionVersion): Promise<FunctionVersion> {
    const row = await this.#database
      .selectFrom('function_settings')
      .select(['reserved_concurrency', 'recursive_loop'])
      .where('account_id', '=', version.accountId)
      .where('function_name', '=', version.functionName)
      .executeTakeFirst();
    const reserved = row?.reserved_concurrency ?? undefined;
    return {
      ...version,
      ...(reserved === undefined ? {} : { reservedConcurrency: reserved }),
      ...(row?.recursive_loop === 'Allow' ? { recursiveLoop: 'Allow' as const } : {}),
    };
  }
}

async function insertTags(transaction: Transaction<DatabaseSchema>, key: FunctionKey, tags: Readonly<Record<string, string>>): Promise<void> {
  const rows = Object.entries(tags).map(([name, value]) => ({
    account_id: key.accountId,
    function_name: key.functionName,
    tag_key: name,
    tag_value: value,
  }));
  if (rows.length > 0) await transaction.insertInto('function_tags').values(rows).execute();
}

async function selectTags(database: Kysely<DatabaseSchema>, key: FunctionKey): Promise<Readonly<Record<string, string>>> {
  const rows = await database
    .selectFrom('function_tags')
    .select(['tag_key', 'tag_value'])
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .orderBy('tag_key')
    .execute();
  return Object.fromEntries(rows.map((row) => [row.tag_key, row.tag_value]));
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
      environment_revision_id: record.environmentRevisionId ?? null,
      status: record.status === undefined ? null : JSON.stringify(record.status),
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

async function updateStatus(transaction: Transaction<DatabaseSchema>, key: FunctionKey, status: FunctionStatus): Promise<void> {
  await transaction
    .updateTable('function_versions')
    .set({ status: JSON.stringify(status) })
    .where('account_id', '=', key.accountId)
    .where('function_name', '=', key.functionName)
    .where('sequence', '=', 0)
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

/** Lambda shows another revision of `$LATEST` after a version was made of it; its environments go on. */
async function renewRevision(transaction: Transaction<DatabaseSchema>, latest: FunctionRecord): Promise<void> {
  await transaction
    .updateTable('function_versions')
    .set({ revision_id: randomUUID(), environment_revision_id: environmentRevisionOf(latest) })
    .where('account_id', '=', latest.accountId)
    .where('function_name', '=', latest.functionName)
    .where('sequence', '=', 0)
    .execute();
}

function isSame(one: FunctionRecord, other: FunctionRecord): boolean {
  return isDeepStrictEqual([one.configuration, one.code], [other.configuration, other.code]);
}

function withoutEnvironmentRevision({ environmentRevisionId: _, ...record }: FunctionRecord): FunctionRecord {
  return record;
}

function toRecord(row: VersionRow): FunctionRecord {
  return {
    accountId: row.account_id,
    functionName: row.function_name,
    version: toVersion(row.sequence),
    revisionId: row.revision_id,
    ...(row.environment_revision_id === null ? {} : { environmentRevisionId: row.environment_revision_id }),
    lastModified: row.last_modified,
    configuration: JSON.parse(row.configuration) as FunctionConfiguration,
    code: { archiveDigest: row.archive_digest, archiveBytes: row.archive_bytes, imageDigest: row.image_digest, unpackedBytes: row.unpacked_bytes },
    ...(row.status === null ? {} : { status: JSON.parse(row.status) as FunctionStatus }),
  };
}
