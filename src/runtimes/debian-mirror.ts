import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where this host takes Debian packages from, and their security updates if it takes those. */
export interface DebianMirror {
  readonly main: string;
  readonly security: string | undefined;
}

const publicMirror = 'http://deb.debian.org/debian';

/** The mirror named in the host's apt sources (one-line and deb822 forms); the public one on hosts that are not Debian. */
export async function findDebianMirror(aptDirectory = '/etc/apt'): Promise<DebianMirror> {
  const uris: string[] = [];
  for (const file of [join(aptDirectory, 'sources.list'), ...(await filesIn(join(aptDirectory, 'sources.list.d')))]) {
    const text = await readFile(file, 'utf8').catch(() => '');
    uris.push(...(file.endsWith('.sources') ? deb822Uris(text) : oneLineUris(text)));
  }
  const web = uris.filter((uri) => /^https?:\/\//.test(uri)).map((uri) => uri.replace(/\/+$/, ''));
  const main = web.find((uri) => uri.endsWith('/debian'));
  const security = web.find((uri) => uri.endsWith('/debian-security'));
  return main === undefined ? { main: publicMirror, security: `${publicMirror}-security` } : { main, security };
}

/** The mirror as lines of an apt sources list for one suite. */
export function sourcesOf(mirror: DebianMirror, suite: string): readonly string[] {
  const lines = [`deb ${mirror.main} ${suite} main`, `deb ${mirror.main} ${suite}-updates main`];
  return mirror.security === undefined ? lines : [...lines, `deb ${mirror.security} ${suite}-security main`];
}

async function filesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.endsWith('.sources') || name.endsWith('.list'))
    .toSorted()
    .map((name) => join(directory, name));
}

function oneLineUris(text: string): string[] {
  return text
    .split('\n')
    .map((line) => /^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)/.exec(line)?.[1])
    .filter((uri) => uri !== undefined);
}

function deb822Uris(text: string): string[] {
  const stanzas = text.split(/\n\s*\n/).filter((stanza) => !/^Enabled:\s*no\b/im.test(stanza) && /^Types:.*\bdeb\b/im.test(stanza));
  return stanzas.flatMap((stanza) => /^URIs:\s*(.+)$/im.exec(stanza)?.[1]?.trim().split(/\s+/) ?? []);
}
