import type { FunctionKey } from '../control-api/function-store.ts';
import type { FunctionAlias } from '../functions/function-alias.ts';
import type { FunctionVersion } from '../functions/function-version.ts';

/** What is known of one function. */
interface KnownFunction {
  readonly versions: Map<string, FunctionVersion>;
  readonly aliases: Map<string, FunctionAlias>;
}

const maxEntries = 10_000;

/** What the invoke path asked for before, in memory. This process is the database's only writer: each change of a function makes it forgotten. */
export class FunctionCache {
  readonly #functions = new Map<string, KnownFunction>();
  #entries = 0;
  /** Counts changes: an answer read before one must not enter after it. */
  #changes = 0;

  /** The version, from memory or by `load`. */
  version(key: FunctionKey, version: string, load: () => Promise<FunctionVersion | undefined>): Promise<FunctionVersion | undefined> {
    return this.#find({ key, kind: 'versions', name: version, load });
  }

  /** The alias, from memory or by `load`. */
  alias(key: FunctionKey, aliasName: string, load: () => Promise<FunctionAlias | undefined>): Promise<FunctionAlias | undefined> {
    return this.#find({ key, kind: 'aliases', name: aliasName, load });
  }

  /** Called after every change of a function, its versions or its aliases. */
  forget(key: FunctionKey): void {
    this.#changes += 1;
    const name = nameOf(key);
    const known = this.#functions.get(name);
    if (known === undefined) return;
    this.#entries -= known.versions.size + known.aliases.size;
    this.#functions.delete(name);
  }

  async #find<Kind extends keyof KnownFunction, T extends FunctionVersion | FunctionAlias>(request: {
    key: FunctionKey;
    kind: Kind;
    name: string;
    load: () => Promise<T | undefined>;
  }): Promise<T | undefined> {
    const { key, kind, name, load } = request;
    const known = this.#functions.get(nameOf(key))?.[kind] as Map<string, T> | undefined;
    const remembered = known?.get(name);
    if (remembered !== undefined) return remembered;
    const changes = this.#changes;
    const found = await load();
    if (found !== undefined && this.#changes === changes) this.#remember(key, kind, name, found);
    return found;
  }

  #remember(key: FunctionKey, kind: keyof KnownFunction, name: string, found: FunctionVersion | FunctionAlias): void {
    if (this.#entries >= maxEntries) {
      this.#functions.clear();
      this.#entries = 0;
    }
    const known = this.#functions.get(nameOf(key)) ?? { versions: new Map(), aliases: new Map() };
    this.#functions.set(nameOf(key), known);
    const entries = known[kind] as Map<string, FunctionVersion | FunctionAlias>;
    if (!entries.has(name)) this.#entries += 1;
    entries.set(name, found);
  }
}

function nameOf({ accountId, functionName }: FunctionKey): string {
  return `${accountId}:${functionName}`;
}
