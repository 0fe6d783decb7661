import type { EnvironmentParts } from './environment-parts.ts';
import type { InitFacts } from './init-events.ts';

/** What a claim brought, and what was made of it. */
export interface ClaimedEnvironment {
  readonly environmentId: string;
  readonly init: InitFacts;
  /** What its processes find in their environments. */
  readonly variables: { readonly runtime: Readonly<Record<string, string>>; readonly extension: Readonly<Record<string, string>> };
  /** The programs in /opt/extensions, by name: they are the same for its whole life. */
  readonly extensionNames: readonly string[];
  readonly parts: EnvironmentParts;
}
