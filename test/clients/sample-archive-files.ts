import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleArchives } from './sample-functions.ts';

/** The sample archives as files, for clients that are programs of their own; disposing removes them. */
export async function sampleArchiveFiles(): Promise<Disposable & { readonly directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-archives-'));
  for (const [name, bytes] of Object.entries(await sampleArchives())) writeFileSync(join(directory, `${name}.zip`), bytes);
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}
