import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Accounts } from './accounts.ts';
import { FileArchiveStore } from './file-archive-store.ts';
import { SqliteArtifactLedger } from './sqlite-artifact-ledger.ts';
import { openSqliteDatabase } from './sqlite-database.ts';
import { SqliteFunctionStore } from './sqlite-function-store.ts';
import { SqliteLayerStore } from './sqlite-layer-store.ts';
import { SqlitePolicyStore } from './sqlite-policy-store.ts';

/** Everything the control API keeps. */
export interface Storage {
  readonly accounts: Accounts;
  readonly functions: SqliteFunctionStore;
  readonly layers: SqliteLayerStore;
  readonly policies: SqlitePolicyStore;
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
  const database = await openSqliteDatabase(join(databaseDirectory, 'metadata.sqlite'));
  const policies = new SqlitePolicyStore(database);
  return {
    accounts: await Accounts.open(database, clock),
    functions: new SqliteFunctionStore(database, { region, clock, onChange: (key) => policies.forget(key) }),
    layers: new SqliteLayerStore(database),
    policies,
    artifacts: new SqliteArtifactLedger(database),
    archives,
    close: () => database.destroy(),
  };
}
