import { extensionName, maxListedExtensions } from './messages.ts';

/**
 * The names among those of a directory that an extension may have, sorted. SECURITY: they were chosen by a stranger and told from inside of an
 * environment; they become part of a path and of log lines.
 */
export function extensionNames(names: readonly string[]): readonly string[] {
  const sound = names.filter((name) => extensionName.safeParse(name).success);
  return [...new Set(sound)].toSorted().slice(0, maxListedExtensions);
}
