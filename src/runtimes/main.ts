/** The program behind `cloister runtime build`: runs on the host, as root. */
import { parseArgs } from 'node:util';
import { CloisterError } from '../errors.ts';
import { buildRuntimes } from './build-runtimes.ts';
import { importRuntime } from './import-runtime.ts';
import type { RuntimeManifest } from './runtime-manifest.ts';

const usage = `cloister runtime build [NAME…] [--data-dir DIR] [--json]
cloister runtime build (--from-dir DIR | --from-oci-archive FILE) --name NAME [--entrypoint PATH]… [--data-dir DIR] [--json]
`;
const options = {
  'data-dir': { type: 'string' },
  'from-dir': { type: 'string' },
  'from-oci-archive': { type: 'string' },
  name: { type: 'string' },
  entrypoint: { type: 'string', multiple: true },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

class UsageError extends Error {}

/** Exit status 0: built; 1: failed; 2: wrongly called. */
async function main(): Promise<number> {
  try {
    const { values, positionals } = parse();
    if (values.help) {
      process.stdout.write(usage);
      return 0;
    }
    const manifests = await build(values, positionals);
    process.stdout.write(values.json ? `${JSON.stringify(manifests.map(summary))}\n` : manifests.map(line).join(''));
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n${usage}`);
      return 2;
    }
    process.stderr.write(`${error instanceof CloisterError ? error.message : String((error as Error).stack)}\n`);
    return 1;
  }
}

function parse() {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

type Values = ReturnType<typeof parse>['values'];

async function build(values: Values, names: readonly string[]): Promise<readonly RuntimeManifest[]> {
  const dataDir = values['data-dir'] ?? process.env['CLOISTER_DATA_DIR'] ?? '/var/lib/cloister';
  const onProgress = (text: string): boolean => process.stderr.write(`${text}\n`);
  const directory = values['from-dir'];
  const ociArchive = values['from-oci-archive'];
  if (directory === undefined && ociArchive === undefined) {
    if (values.name !== undefined || values.entrypoint !== undefined)
      throw new UsageError('--name and --entrypoint go with --from-dir or --from-oci-archive');
    return buildRuntimes(names, { dataDir, onProgress });
  }
  if (directory !== undefined && ociArchive !== undefined) throw new UsageError('--from-dir and --from-oci-archive exclude each other');
  if (names.length > 0 || values.name === undefined) throw new UsageError('an import is named by --name NAME');
  if (!/^[a-z][a-z0-9.-]{1,39}$/.test(values.name)) throw new UsageError('a name has 2 to 40 of a-z, 0-9, "." and "-", and begins with a letter');
  const entrypoints = values.entrypoint ?? [];
  if (entrypoints.some((path) => !path.startsWith('/'))) throw new UsageError('an entry point is an absolute path inside the image');
  const source = directory === undefined ? { ociArchive: ociArchive ?? '' } : { directory };
  return [await importRuntime({ name: values.name, source, entrypoints, dataDir, onProgress })];
}

function summary({ source, ...shown }: RuntimeManifest): object {
  return { ...shown, source: { kind: source.kind, fingerprint: source.fingerprint } };
}

function line(manifest: RuntimeManifest): string {
  return `${manifest.name}  ${manifest.digest.slice(0, 12)}  ${manifest.base}\n`;
}

process.exitCode = await main();
