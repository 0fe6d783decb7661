import type { FunctionKey } from '../control-api/stores/function-store.ts';
import type { FunctionAlias } from '../functions/function-alias.ts';
import type { FunctionUrl } from '../functions/function-url.ts';
import type { FunctionVersion } from '../functions/function-version.ts';
import type { ResourcePolicy } from '../functions/resource-policy.ts';

/** What is known of one function, each by the name that it has within the function. */
interface KnownFunction {
  readonly versions: Map<string, FunctionVersion>;
  readonly aliases: Map<string, FunctionAlias>;
  /** By qualifier; undefined where it is known that there is none. */
  readonly policies: Map<string, ResourcePolicy | undefined>;
  /** By the URL's id. */
  readonly urls: Map<string, FunctionUrl>;
}

type Kind = 'versions' | 'aliases' | 'policies' | 'urls';
type Found<K extends Kind> = KnownFunction[K] extends Map<string, infer T> ? T : never;

const kinds = ['versions', 'aliases', 'policies', 'urls'] as const satisfies readonly Kind[];
const maxEntries = 10_000;

/** What the invoke path asked for before, in memory. This process is the database's only writer: each change of a function makes it forgotten. */
export class FunctionCache {
  readonly #functions = new Map<string, KnownFunction>();
  /** A request of a URL names nothing but its id. */
  readonly #functionOfUrl = new Map<string, FunctionKey>();
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

  /** The policy of the function or of one of its qualifiers, from memory or by `load`; of a known function it is remembered, too, that there is none. */
  policy(key: FunctionKey, qualifier: string, load: () => Promise<ResourcePolicy | undefined>): Promise<ResourcePolicy | undefined> {
    return this.#find({ key, kind: 'policies', name: qualifier, load, keepsAbsence: true });
  }

  /** The URL of that id, from memory or by `load`. */
  async url(urlId: string, load: () => Promise<FunctionUrl | undefined>): Promise<FunctionUrl | undefined> {
    const key = this.#functionOfUrl.get(urlId);
    const known = key === undefined ? undefined : this.#functions.get(nameOf(key))?.urls.get(urlId);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const found = await load();
    if (found === undefined || this.#changes !== changes) return found;
    this.#remember(found, 'urls', urlId, found);
    this.#functionOfUrl.set(urlId, { accountId: found.accountId, functionName: found.functionName });
    return found;
  }

  /** Called after every change of a function, its versions, aliases, policies or URLs. SECURITY: another of the same name must not inherit what was allowed. */
  forget(key: FunctionKey): void {
    this.#changes += 1;
    const name = nameOf(key);
    const known = this.#functions.get(name);
    if (known === undefined) return;
    for (const kind of kinds) this.#entries -= known[kind].size;
    for (const urlId of known.urls.keys()) this.#functionOfUrl.delete(urlId);
    this.#functions.delete(name);
  }

  async #find<K extends Kind>(request: {
    key: FunctionKey;
    kind: K;
    name: string;
    load: () => Promise<Found<K> | undefined>;
    keepsAbsence?: boolean;
  }): Promise<Found<K> | undefined> {
    const { key, kind, name, load, keepsAbsence = false } = request;
    const known = this.#functions.get(nameOf(key))?.[kind] as Map<string, Found<K>> | undefined;
    const remembered = known?.get(name);
    if (remembered !== undefined || (keepsAbsence && known?.has(name) === true)) return remembered;
    const changes = this.#changes;
    const found = await load();
    // SECURITY: of functions that nobody has, nothing is remembered: strangers name as many as they like.
    const isWorthKeeping = found !== undefined || (keepsAbsence && this.#functions.has(nameOf(key)));
    if (isWorthKeeping && this.#changes === changes) this.#remember(key, kind, name, found as Found<K>);
    return found;
  }

  #remember<K extends Kind>(key: FunctionKey, kind: K, name: string, found: Found<K>): void {
    if (this.#entries >= maxEntries) {
      this.#functions.clear();
      this.#functionOfUrl.clear();
      this.#entries = 0;
    }
    const known = this.#functions.get(nameOf(key)) ?? { versions: new Map(), aliases: new Map(), policies: new Map(), urls: new Map() };
    this.#functions.set(nameOf(key), known);
    const entries = known[kind] as Map<string, Found<K>>;
    if (!entries.has(name)) this.#entries += 1;
    entries.set(name, found);
  }
}

function nameOf({ accountId, functionName }: FunctionKey): string {
  return `${accountId}:${functionName}`;
}
