import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachedDirectory } from './cached-directory.ts';
import { pipInstall } from './python-packages.ts';

const execute = promisify(execFile);

type Files = Readonly<Record<string, Buffer>>;

/** Sentry's external extension, in JavaScript, as its npm package has it: the files of its layer. */
export async function sentryExtensionLayer(): Promise<Files> {
  const version = '10.75.2';
  const directory = await cachedDirectory(`sentry-extension-${version}`, async (draft) => {
    const { stdout } = await execute('npm', ['pack', '--silent', `@sentry/aws-serverless@${version}`], { cwd: draft });
    await execute('tar', ['--extract', '--strip-components=3', '--file', stdout.trim(), 'package/build/lambda-extension'], { cwd: draft });
  });
  return {
    'extensions/sentry-extension': readFileSync(join(directory, 'sentry-extension')),
    'sentry-extension/index.mjs': readFileSync(join(directory, 'index.mjs')),
  };
}

/** lambda-sigterm from PyPI, an internal extension, and what it imports: files of a function's code. */
export async function sigtermExtensionModules(): Promise<Files> {
  const directory = await cachedDirectory('lambda-sigterm-0.1.2', (draft) => pipInstall(draft, ['lambda-sigterm==0.1.2', 'urllib3==2.8.0']));
  return readTree(directory);
}

const webAdapter = { crate: 'lambda_web_adapter', version: '1.0.0-rc1' } as const;

/** Whether Rust is new enough here: Debian 12's own is not. */
export function canBuildWebAdapter(): boolean {
  const { status, stdout } = spawnSync('cargo', ['--version'], { encoding: 'utf8' });
  const [, major = '0', minor = '0'] = /^cargo (\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  return status === 0 && (Number(major) > 1 || Number(minor) >= 84);
}

/** AWS's Lambda Web Adapter, an external extension that speaks for a web application as its runtime: built from its crate, with its wrapper script. */
export async function webAdapterLayer(): Promise<Files> {
  const { crate, version } = webAdapter;
  const directory = await cachedDirectory(`${crate}-${version}`, async (draft) => {
    const args = [
      'install',
      crate,
      '--version',
      `=${version}`,
      '--locked',
      '--debug',
      '--quiet',
      '--root',
      draft,
      '--target-dir',
      join(draft, 'target'),
    ];
    // What is built once and thrown away needs no symbols: a third of the time, and a file that fits a layer.
    const profile = { CARGO_PROFILE_DEV_DEBUG: '0', CARGO_PROFILE_DEV_STRIP: 'symbols', CARGO_INCREMENTAL: '0' };
    await execute('cargo', args, { env: { ...process.env, ...profile }, maxBuffer: 16 * 1024 * 1024 });
    await execute('rm', ['--recursive', join(draft, 'target')]);
    await execute('cp', [join(crateSource(), 'layer/bootstrap'), draft]);
  });
  return {
    'extensions/lambda-adapter': readFileSync(join(directory, 'bin/lambda-adapter')),
    bootstrap: readFileSync(join(directory, 'bootstrap')),
  };
}

/** Where cargo keeps the sources of what it has built. */
function crateSource(): string {
  const registries = join(process.env['CARGO_HOME'] || join(homedir(), '.cargo'), 'registry/src');
  const name = `${webAdapter.crate}-${webAdapter.version}`;
  const registry = readdirSync(registries).find((directory) => readdirSync(join(registries, directory)).includes(name));
  if (registry === undefined) throw new Error(`cargo keeps no source of ${name} in ${registries}`);
  return join(registries, registry, name);
}

function readTree(directory: string): Files {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(directory.length + 1), readFileSync(path)];
    }),
  );
}
