import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FunctionKey } from '../control-api/stores/function-store.ts';
import { Accounts } from './accounts.ts';
import type { DatabaseSchema } from './database-schema.ts';
import { SqliteEventStore } from './events/sqlite-event-store.ts';
import { FileArchiveStore } from './file-archive-store.ts';
import { FunctionCache } from './function-cache.ts';
import { migrations } from './migrations.ts';
import { SqliteAliasStore } from './sqlite-alias-store.ts';
import { SqliteArtifactLedger } from './sqlite-artifact-ledger.ts';
import { SqliteCodeSigningStore } from './sqlite-code-signing-store.ts';
import { openSqliteDatabase } from './sqlite-database.ts';
import { SqliteEventInvokeConfigStore } from './sqlite-event-invoke-config-store.ts';
import { SqliteFunctionSettingStore } from './sqlite-function-setting-store.ts';
import { SqliteFunctionStore } from './sqlite-function-store.ts';
import { SqliteFunctionUrlStore } from './sqlite-function-url-store.ts';
import { SqliteLayerStore } from './sqlite-layer-store.ts';
import { SqlitePolicyStore } from './sqlite-policy-store.ts';
import { SqliteProvisionedConcurrencyStore } from './sqlite-provisioned-concurrency-store.ts';

/** Everything the control API keeps. */
export interface Storage {
  readonly accounts: Accounts;
  readonly functions: SqliteFunctionStore;
  readonly aliases: SqliteAliasStore;
  readonly layers: SqliteLayerStore;
  readonly policies: SqlitePolicyStore;
  readonly urls: SqliteFunctionUrlStore;
  readonly settings: SqliteFunctionSettingStore;
  readonly provisioned: SqliteProvisionedConcurrencyStore;
  readonly eventInvokeConfigs: SqliteEventInvokeConfigStore;
  /** Accepted asynchronous invocations. */
  readonly events: SqliteEventStore;
  readonly codeSigning: SqliteCodeSigningStore;
  readonly artifacts: SqliteArtifactLedger;
  readonly archives: FileArchiveStore;
  close(): Promise<void>;
}

/** Opens, and on the first start makes, the metadata database and the archives under `dataDir`. */
export async function openStorage(options: { dataDir: string; region: string; clock: () => number }): Promise<Storage> {
  const { dataDir, region, clock } = options;
  const databaseDirectory = join(dataDir, 'db');
  mkdirSync(databaseDirectory, { recursive: true, mode: 0o700 });
  const archives = new FileArchiveStore(join(dataDir, 'archives'));
  await archives.clearPartial();
  const [database, events] = await Promise.all([
    openSqliteDatabase<DatabaseSchema>(join(databaseDirectory, 'metadata.sqlite'), migrations),
    SqliteEventStore.open(join(databaseDirectory, 'events.sqlite')),
  ]);
  const cache = new FunctionCache();
  const onChange = (key: FunctionKey) => {
    cache.forget(key);
    settings.forget(key);
  };
  const settings = new SqliteFunctionSettingStore(database, onChange);
  return {
    accounts: await Accounts.open(database, clock),
    functions: new SqliteFunctionStore(database, { region, clock, cache, onChange }),
    aliases: new SqliteAliasStore(database, { cache, onChange }),
    layers: new SqliteLayerStore(database),
    policies: new SqlitePolicyStore(database, cache),
    urls: new SqliteFunctionUrlStore(database, cache),
    settings,
    provisioned: new SqliteProvisionedConcurrencyStore(database),
    eventInvokeConfigs: new SqliteEventInvokeConfigStore(database),
    events,
    codeSigning: new SqliteCodeSigningStore(database),
    artifacts: new SqliteArtifactLedger(database),
    archives,
    close: async () => {
      await events.close();
      await database.destroy();
    },
  };
}
