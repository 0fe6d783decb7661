import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ZipFile } from 'yazl';
import { CloisterError } from '../errors.ts';
import { runCommand } from '../linux/run-command.ts';

const flags = ['-static', '-O2', '-Wall', '-Wextra'];
const timeoutMs = 120_000;
const executable = 0o100755;
const symbolicLink = 0o120777;

/** Compiles the attacker's C sources into one static program: it needs nothing of the image it runs in. */
export async function compileAttacker(): Promise<Buffer> {
  // Sources of what runs inside are not compiled from TypeScript: they are read from src/, also by an installed Cloister.
  const sources = fileURLToPath(new URL('../../src/audit/attacker', import.meta.url));
  const scratch = await mkdtemp(join(tmpdir(), 'cloister-attacker-'));
  try {
    const files = (await readdir(sources)).filter((name) => name.endsWith('.c')).map((name) => join(sources, name));
    await runCommand('gcc', [...flags, '-o', join(scratch, 'bootstrap'), ...files], { timeoutMs });
    return await readFile(join(scratch, 'bootstrap'));
  } catch (cause) {
    throw new CloisterError(
      'HostUnfit',
      `the attacker could not be compiled; "cloister doctor --fix" installs the compiler: ${(cause as Error).message}`,
      {
        operation: 'compile attacker',
        cause,
      },
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The function's archive: the program, and symbolic links that lead out of it, which set-up might follow. */
export async function attackerArchive(program: Buffer, canary: string): Promise<Buffer> {
  const archive = new ZipFile();
  archive.addBuffer(program, 'bootstrap', { mode: executable });
  const links = { absolute: canary, upwards: `../../../../../..${canary}`, root: `/proc/1/root${canary}`, bound: `/home${canary}` };
  for (const [name, target] of Object.entries(links)) archive.addBuffer(Buffer.from(target), `links/${name}`, { mode: symbolicLink });
  archive.end();
  return buffer(archive.outputStream as unknown as NodeJS.ReadableStream as never);
}
