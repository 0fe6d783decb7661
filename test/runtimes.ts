import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where `npm test` builds the runtimes once; each test's data directory takes them from there. */
export const runtimesDirectory = process.env['CLOISTER_TEST_RUNTIMES'] ?? '/var/lib/cloister-test';

/** Gives a new data directory the built runtimes: manifests copied, images hard-linked where the file system allows. */
export async function linkRuntimes(dataDirectory: string): Promise<void> {
  const images = join('images', 'runtimes');
  if (!existsSync(join(runtimesDirectory, images)))
    throw new Error(`no runtimes in ${runtimesDirectory}: run bin/cloister runtime build --data-dir ${runtimesDirectory}`);
  mkdirSync(join(dataDirectory, images), { recursive: true, mode: 0o700 });
  const manifests = join(runtimesDirectory, 'runtimes');
  cpSync(manifests, join(dataDirectory, 'runtimes'), { recursive: true });
  // Images of earlier builds lie there, too.
  for (const manifest of readdirSync(manifests)) {
    const { digest } = JSON.parse(readFileSync(join(manifests, manifest), 'utf8')) as { digest: string };
    const name = `${digest}.erofs`;
    const [from, to] = [join(runtimesDirectory, images, name), join(dataDirectory, images, name)];
    try {
      if (!existsSync(to)) linkSync(from, to);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
      cpSync(from, to);
    }
  }
}
