import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Tables that change by themselves. The ledger names files to be swept: a refused upload may leave one there for a moment. */
const restless: ReadonlySet<string> = new Set(['artifacts']);

/** A hash of everything that a daemon keeps in its database, read beside it. */
export class DatabaseDigest implements Disposable {
  readonly #database: DatabaseSync;

  constructor(dataDir: string) {
    this.#database = new DatabaseSync(join(dataDir, 'db', 'metadata.sqlite'), { readOnly: true });
  }

  /** Two equal texts: nothing was changed in between. */
  read(): string {
    const hash = createHash('sha256');
    const tables = this.#database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
    for (const { name } of tables) {
      if (typeof name !== 'string' || restless.has(name)) continue;
      hash.update(`${name}\n${JSON.stringify(this.#database.prepare(`SELECT * FROM "${name}"`).all())}\n`);
    }
    return hash.digest('hex');
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
