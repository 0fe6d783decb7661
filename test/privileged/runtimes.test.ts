import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRuntimes } from '../../src/runtimes/build-runtimes.ts';
import { importRuntime } from '../../src/runtimes/import-runtime.ts';
import { requiredPackages } from '../../src/runtimes/required-packages.ts';
import { imagePath, listManifests, type RuntimeManifest, readManifest } from '../../src/runtimes/runtime-manifest.ts';
import { runtimesDirectory } from '../runtimes.ts';

// Kept between runs: what is cached there is not fetched and compiled again.
const dataDir = runtimesDirectory;
const functionUser = ['--userspec=993:990', '--groups='];

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = requiredPackages.filter((needed) => !existsSync(needed.provides)).map((needed) => needed.name);
  return missing.length === 0 ? undefined : `needs the Debian packages ${missing.join(', ')}`;
}
const reason = whyNot();

/** A runtime's image, mounted read-only with a /tmp and a copy of /var/task. */
class MountedRuntime implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'cloister-runtime-'));
  readonly manifest: RuntimeManifest;

  constructor(manifest: RuntimeManifest, mounts: Readonly<Record<string, string>> = {}) {
    this.manifest = manifest;
    try {
      this.#mount(mounts);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #mount(mounts: Readonly<Record<string, string>>): void {
    command('mount', ['-t', 'erofs', '-o', 'ro,nodev,nosuid', imagePath(dataDir, this.manifest.digest), this.root]);
    command('mount', ['-t', 'tmpfs', '-o', 'mode=1777,nosuid', 'tmpfs', join(this.root, 'tmp')]);
    command('mount', ['-t', 'tmpfs', '-o', 'mode=755,nosuid', 'tmpfs', join(this.root, 'dev')]);
    command('mknod', ['-m', '666', join(this.root, 'dev/null'), 'c', '1', '3']);
    command('mknod', ['-m', '666', join(this.root, 'dev/urandom'), 'c', '1', '9']);
    for (const [point, source] of Object.entries(mounts)) command('mount', ['--bind', source, join(this.root, point)]);
  }

  get variables(): Record<string, string> {
    const { executionEnvironment } = this.manifest;
    return { ...this.manifest.variables, ...(executionEnvironment === undefined ? {} : { AWS_EXECUTION_ENV: executionEnvironment }) };
  }

  run(script: string): string {
    const result = spawnSync('/usr/sbin/chroot', [...functionUser, this.root, '/bin/sh', '-c', script], { encoding: 'utf8', env: this.variables });
    return `${result.stdout}${result.stderr}`.trim();
  }

  [Symbol.dispose](): void {
    // Nothing to unmount when the image itself could not be mounted.
    spawnSync('umount', ['--recursive', this.root]);
    rmdirSync(this.root);
  }
}

function command(file: string, args: string[]): void {
  const result = spawnSync(file, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${result.stderr}`);
}

const functionVariables = {
  AWS_LAMBDA_FUNCTION_NAME: 'f',
  AWS_LAMBDA_FUNCTION_VERSION: '1',
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
  AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/f',
  AWS_LAMBDA_LOG_STREAM_NAME: 'stream',
  AWS_REGION: 'us-east-1',
};

interface Report {
  readonly path: string;
  readonly body: string;
  readonly errorType: string | undefined;
}

/** As much of the Runtime API as a client needs: it hands out the events in turn and keeps what is answered. */
class RuntimeApi {
  readonly reports: Report[] = [];
  readonly #server: Server;
  readonly #events: unknown[];

  private constructor(events: unknown[]) {
    this.#events = [...events];
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async listen(events: unknown[]): Promise<RuntimeApi> {
    const api = new RuntimeApi(events);
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url?.endsWith('/invocation/next') === true) {
      const event = this.#events.shift();
      // No more events: the client waits, as it does for hours in real life.
      if (event === undefined) return;
      const head = {
        'content-type': 'application/json',
        'lambda-runtime-aws-request-id': `00000000-0000-4000-8000-00000000000${this.#events.length}`,
      };
      const deadline = {
        'lambda-runtime-deadline-ms': String(Date.now() + 3000),
        'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:us-east-1:123456789012:function:f',
      };
      response.writeHead(200, { ...head, ...deadline }).end(JSON.stringify(event));
      return;
    }
    let body = '';
    for await (const chunk of request) body += String(chunk);
    this.reports.push({ path: request.url ?? '', body, errorType: request.headers['lambda-runtime-function-error-type'] as string | undefined });
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}\n');
    this.#server.emit('report');
  }

  async reportsOf(count: number): Promise<Report[]> {
    while (this.reports.length < count) await once(this.#server, 'report', { signal: AbortSignal.timeout(10_000) });
    return this.reports;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

interface Code {
  readonly files: Readonly<Record<string, string>>;
  readonly handler: string;
  readonly events?: unknown[];
  readonly variables?: Readonly<Record<string, string>>;
  /** The runtime may end without having answered. */
  readonly mayEnd?: boolean;
  readonly layer?: Readonly<Record<string, string>>;
}

/** Runs a function's code in a runtime until it has answered every event: its answers and what it wrote. */
async function runFunction(manifest: RuntimeManifest, code: Code): Promise<{ reports: Report[]; output: string }> {
  const files = mkdtempSync(join(tmpdir(), 'cloister-task-'));
  const write = (folder: string, contents: Readonly<Record<string, string>>): string => {
    mkdirSync(join(files, folder));
    for (const [name, text] of Object.entries(contents)) {
      mkdirSync(join(files, folder, name, '..'), { recursive: true });
      writeFileSync(join(files, folder, name), text, { mode: 0o755 });
    }
    return join(files, folder);
  };
  chmodSync(files, 0o755);
  const mounts = { '/var/task': write('task', code.files), '/opt': write('opt', { '.layer': '', ...code.layer }) };
  using runtime = new MountedRuntime(manifest, mounts);
  const events = code.events ?? [{}];
  const api = await RuntimeApi.listen(events);
  const entrypoint = manifest.entrypoints.find((path) => existsSync(join(runtime.root, path)));
  const env = {
    ...runtime.variables,
    _HANDLER: code.handler,
    AWS_LAMBDA_RUNTIME_API: api.address,
    ...functionVariables,
    ...code.variables,
  };
  // The second unshare stays root as PID 1: a process that changes its user loses the signal of its parent's death.
  const own = ['--pid', '--fork', '--kill-child', `--mount-proc=${join(runtime.root, 'proc')}`, '/usr/bin/unshare', '--fork'];
  const start = ['/bin/sh', '-c', 'cd /var/task && exec "$0"', entrypoint ?? 'none'];
  const child: ChildProcess = spawn('unshare', [...own, '/usr/sbin/chroot', ...functionUser, runtime.root, ...start], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  const ended = once(child, 'close');
  try {
    const reports = await Promise.race([api.reportsOf(events.length), ended.then(() => api.reports)]);
    if (reports.length === 0 && code.mayEnd !== true) throw new Error('it ended');
    return { reports, output };
  } catch (cause) {
    throw new Error(`no answer; the runtime wrote: ${output}`, { cause });
  } finally {
    child.kill('SIGKILL');
    await ended;
    api.close();
    rmSync(files, { recursive: true });
  }
}

const answers = (reports: readonly Report[]): unknown[] => reports.map((report) => JSON.parse(report.body));

describe.skipIf(reason !== undefined)(`runtimes${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let manifests: readonly RuntimeManifest[] = [];
  const manifestOf = (name: string): RuntimeManifest => {
    const found = manifests.find((manifest) => manifest.name === name);
    if (found === undefined) throw new Error(`${name} was not built`);
    return found;
  };
  const names = ['nodejs22.x', 'nodejs24.x', 'provided.al2023', 'python3.13'];
  const nodes = ['nodejs22.x', 'nodejs24.x'];

  beforeAll(async () => {
    manifests = await buildRuntimes([], { dataDir, onProgress: (line) => process.stderr.write(`${line}\n`) });
  }, 900_000);

  it('are stored by digest, read-only, with a manifest each', async () => {
    expect((await listManifests(dataDir)).map((manifest) => manifest.name)).toEqual(expect.arrayContaining(names));
    for (const manifest of manifests) {
      const sum = spawnSync('sha256sum', [imagePath(dataDir, manifest.digest)], { encoding: 'utf8' }).stdout;
      expect(sum.slice(0, 64)).toBe(manifest.digest);
      expect(statSync(imagePath(dataDir, manifest.digest)).mode & 0o777).toBe(0o400);
      expect(await readManifest(dataDir, manifest.name)).toEqual(manifest);
      expect(manifest.base).toMatch(/^Debian GNU\/Linux 13/);
    }
  });

  it('come out the same from the same sources', async () => {
    // Only the last step is thrown away: everything is put together, finished and packed anew.
    for (const name of ['provided.al2023', 'python3.13']) {
      for (const entry of readdirSync(join(dataDir, 'cache'))) {
        if (entry.startsWith(`image-${name}-`)) rmSync(join(dataDir, 'cache', entry), { recursive: true });
      }
      const [again] = await buildRuntimes([name], { dataDir });
      expect(again).toEqual(manifestOf(name));
      expect(readdirSync(join(dataDir, 'cache')).filter((entry) => entry.startsWith(`image-${name}-`))).toHaveLength(1);
    }
  }, 120_000);

  it.each(names)('%s has nothing in its image that could raise privilege, and what an environment needs', (name) => {
    using runtime = new MountedRuntime(manifestOf(name));
    const find = (...test: string[]): string => spawnSync('find', [runtime.root, '-xdev', ...test], { encoding: 'utf8' }).stdout;
    expect(find('-perm', '/6000')).toBe('');
    expect(find('!', '-type', 'f', '!', '-type', 'd', '!', '-type', 'l')).toBe('');
    expect(find('-type', 'f', '-links', '+1')).toBe('');
    expect(find('!', '-uid', '0')).toBe('');
    expect(find('-type', 'f', '-perm', '/022')).toBe('');
    expect(
      spawnSync(
        'du',
        ['--summarize', '--one-file-system', '--apparent-size', '--block-size=1M', '--exclude=lang', '--exclude=python3*', runtime.root],
        { encoding: 'utf8' },
      ).stdout,
    ).toMatch(/^[1-9]?\d\s/);
    expect(statSync(join(runtime.root, 'var/rapid/init')).mode & 0o7777).toBe(0o555);
    for (const point of ['proc', 'dev', 'sys', 'tmp', 'opt', 'var/task']) expect(statSync(join(runtime.root, point)).isDirectory()).toBe(true);
    expect(runtime.run('id')).toBe('uid=993(sbx_user1051) gid=990(sbx_user1051) groups=990(sbx_user1051)');
    expect(runtime.run('cat /etc/hosts /etc/hostname; cat /etc/resolv.conf')).toContain('127.0.0.1 localhost');
    expect(runtime.run('touch /var/task/x /usr/x /x')).toMatch(/(Read-only|Permission)[\s\S]*\n[\s\S]*\n/);
  });

  it('provided.al2023 brings the tools that a shell bootstrap uses', () => {
    using runtime = new MountedRuntime(manifestOf('provided.al2023'));
    expect(runtime.run('echo "abc 1" | sed s/b/X/ | awk \'{ print $1, $2 + 1 }\' | grep X')).toBe('aXc 2');
    expect(runtime.run('bash -c \'a=(1 2); echo "$((a[0] + a[1])) $(date +%Z) $(locale charmap)"\'')).toBe('3 UTC UTF-8');
    expect(runtime.run('printf x | gzip | gunzip; find /etc/ssl/certs/ca-certificates.crt; tar --version | head -n 1')).toMatch(
      /^x\/etc\/ssl.*crt\ntar/,
    );
    const missing = 'for file in /usr/bin/*; do ldd "$file" 2>/dev/null | grep "not found" && echo "$file"; done; true';
    expect(runtime.run(missing)).toBe('');
  });

  it('provided.al2023 runs a bootstrap in shell over the Runtime API', async () => {
    const script = `#!/bin/sh
while :; do
  event=$(curl -sS -D /tmp/headers "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(grep -i lambda-runtime-aws-request-id /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
  curl -sS -X POST -d "{\\"got\\":$event}" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response"
done
`;
    const { reports } = await runFunction(manifestOf('provided.al2023'), {
      files: { bootstrap: script },
      handler: 'x',
      events: [{ n: 1 }, { n: 2 }],
    });
    expect(answers(reports)).toEqual([{ got: { n: 1 } }, { got: { n: 2 } }]);
    expect(reports[0]?.path).toBe('/2018-06-01/runtime/invocation/00000000-0000-4000-8000-000000000001/response');
  });

  const esm = 'let calls = 0; export const handler = async (event, context) => ({ calls: ++calls, event, arn: context.invokedFunctionArn });';
  const expected = [1, 2].map((calls) => ({ calls, event: { n: calls }, arn: 'arn:aws:lambda:us-east-1:123456789012:function:f' }));
  it.each(
    nodes.flatMap(
      (name) =>
        [
          [name, 'an async handler in CommonJS', { 'index.js': esm.replace('export const handler', 'exports.handler') }],
          [name, 'an ES module by suffix', { 'index.mjs': esm }],
          [name, 'an ES module by package.json', { 'index.js': esm, 'package.json': '{"type":"module"}' }],
        ] as const,
    ),
  )('%s runs %s, in one process', async (name, _kind, files) => {
    const { reports } = await runFunction(manifestOf(name), { files, handler: 'index.handler', events: [{ n: 1 }, { n: 2 }] });
    expect(answers(reports)).toEqual(expected);
  });

  it('nodejs22.x runs a handler with a callback', async () => {
    const files = { 'index.js': 'exports.handler = (event, context, callback) => setTimeout(() => callback(null, { back: event }), 5);' };
    const { reports, output } = await runFunction(manifestOf('nodejs22.x'), { files, handler: 'index.handler', events: [{ n: 1 }] });
    expect(answers(reports)).toEqual([{ back: { n: 1 } }]);
    expect(output).toBe('');
  });

  it('nodejs24.x refuses a handler with a callback, as Lambda does', async () => {
    const files = { 'index.js': 'exports.handler = (event, context, callback) => callback(null, 1);' };
    const { reports } = await runFunction(manifestOf('nodejs24.x'), { files, handler: 'index.handler' });
    expect(answers(reports)).toEqual([expect.objectContaining({ errorType: 'Runtime.CallbackHandlerDeprecated' })]);
  });

  it.each(nodes)('%s takes modules from layers, sizes its heap by the memory and passes NODE_OPTIONS on', async (name) => {
    const files = {
      'index.js':
        'exports.handler = async () => [require("extra"), require("v8").getHeapStatistics().heap_size_limit / 1048576, process.title, process.cwd()];',
    };
    const code = { files, handler: 'index.handler', layer: { 'nodejs/node_modules/extra/index.js': 'module.exports = "from the layer";' } };
    const [plain] = answers((await runFunction(manifestOf(name), { ...code, variables: { NODE_OPTIONS: '--title=mine' } })).reports) as [unknown[]];
    expect(plain[0]).toBe('from the layer');
    expect(plain[1]).toBeGreaterThan(200);
    expect(plain[1]).toBeLessThan(300);
    expect(plain.slice(2)).toEqual(['mine', '/var/task']);
    const [own] = answers((await runFunction(manifestOf(name), { ...code, variables: { NODE_OPTIONS: '--max-old-space-size=777' } })).reports) as [
      unknown[],
    ];
    expect(own[1]).toBeGreaterThan(777);
  });

  it.each(nodes)('%s reports errors in the client’s own shape', async (name) => {
    const failing = { files: { 'index.js': 'exports.handler = async () => { throw new RangeError("too far"); };' }, handler: 'index.handler' };
    const [error] = (await runFunction(manifestOf(name), failing)).reports;
    expect(error?.path).toMatch(/\/invocation\/.*\/error$/);
    expect(Object.keys(JSON.parse(error?.body ?? ''))).toEqual(['errorType', 'errorMessage', 'trace']);
    const [missing] = (await runFunction(manifestOf(name), { files: { 'index.js': '' }, handler: 'index.nothing' })).reports;
    expect(missing?.path).toMatch(/\/init\/error$/);
    expect(JSON.parse(missing?.body ?? '')).toMatchObject({ errorType: 'Runtime.HandlerNotFound' });
  });

  const counting =
    'calls = 0\ndef handler(event, context):\n    global calls\n    calls += 1\n    return {"calls": calls, "event": event, "arn": context.invoked_function_arn}\n';
  it.each([
    ['file.handler', { 'file.py': counting }],
    ['pkg/mod.handler', { 'pkg/mod.py': counting }],
    ['pkg.mod.handler', { 'pkg/mod.py': counting, 'pkg/__init__.py': '' }],
  ])('python3.13 runs %s, in one process', async (handler, files) => {
    const { reports } = await runFunction(manifestOf('python3.13'), { files, handler, events: [{ n: 1 }, { n: 2 }] });
    expect(answers(reports)).toEqual(expected);
  });

  it('python3.13 looks into the function, its layers, then the runtime', async () => {
    const files = {
      'f.py': 'import sys, extra, ssl, sqlite3, lzma, zoneinfo, ctypes\ndef h(e, c):\n    return [extra.where, sys.path, sys.flags.utf8_mode]\n',
    };
    const layer = {
      'python/extra.py': 'where = "layer"',
      'python/lib/python3.13/site-packages/extra.py': 'where = "site-packages"',
      'python/awslambdaric.py': '1/0',
    };
    const [answer] = answers((await runFunction(manifestOf('python3.13'), { files, layer, handler: 'f.h' })).reports) as [[string, string[]]];
    expect(answer[0]).toBe('site-packages');
    expect(answer[1].slice(0, 4)).toEqual(['/var/task', '/opt/python/lib/python3.13/site-packages', '/opt/python', '/var/runtime']);
  });

  it('python3.13 has its library compiled, because its root can not be written to', () => {
    using runtime = new MountedRuntime(manifestOf('python3.13'));
    expect(
      runtime.run(
        'python3.13 -c "import json; print(json.__cached__)"; test -s /usr/lib/python3.13/json/__pycache__/__init__.cpython-313.pyc && echo there',
      ),
    ).toMatch(/there$/);
    expect(runtime.run('test -s /var/runtime/awslambdaric/__pycache__/bootstrap.cpython-313.pyc && echo there')).toBe('there');
  });

  it('python3.13 reports errors in the client’s own shape', async () => {
    const { reports } = await runFunction(manifestOf('python3.13'), {
      files: { 'f.py': 'def h(e, c):\n    raise ValueError("no")\n' },
      handler: 'f.h',
    });
    expect(Object.keys(JSON.parse(reports[0]?.body ?? ''))).toEqual(['errorMessage', 'errorType', 'requestId', 'stackTrace']);
    const failed = await runFunction(manifestOf('python3.13'), { files: {}, handler: 'f.h' });
    expect(failed.reports[0]?.path).toMatch(/\/init\/error$/);
    expect(JSON.parse(failed.reports[0]?.body ?? '')).toMatchObject({ errorType: 'Runtime.ImportModuleError' });
  });

  it.each(['nodejs24.x', 'python3.13'])('%s honours AWS_LAMBDA_EXEC_WRAPPER', async (name) => {
    const files = {
      'wrap.sh': '#!/bin/sh\nexport WRAPPED="$#:$1"\nexec "$@"\n',
      'index.mjs': 'export const handler = async () => process.env.WRAPPED;',
      'index.py': 'import os\ndef handler(e, c):\n    return os.environ["WRAPPED"]\n',
    };
    const variables = { AWS_LAMBDA_EXEC_WRAPPER: '/var/task/wrap.sh' };
    const { reports } = await runFunction(manifestOf(name), { files, handler: 'index.handler', variables });
    expect(answers(reports)[0]).toMatch(/^\d:\/var\/lang\/bin\//);
    const { reports: none, output } = await runFunction(manifestOf(name), {
      files,
      handler: 'index.handler',
      variables: { AWS_LAMBDA_EXEC_WRAPPER: '/opt/none' },
      mayEnd: true,
    });
    expect(none).toEqual([]);
    expect(output).toContain('/opt/none: does not exist');
  });

  it('importRuntime() makes a runtime of a directory, without its devices and set-user-id bits', async () => {
    const source = mkdtempSync(join(tmpdir(), 'cloister-root-'));
    using base = new MountedRuntime(manifestOf('provided.al2023'));
    cpSync(join(base.root, 'usr'), join(source, 'usr'), { recursive: true, verbatimSymlinks: true });
    for (const name of ['bin', 'lib', 'lib64', 'sbin']) command('ln', ['-s', `usr/${name}`, join(source, name)]);
    command('mknod', [join(source, 'disk'), 'b', '7', '0']);
    command('cp', [join(source, 'usr/bin/bash'), join(source, 'raise')]);
    chmodSync(join(source, 'raise'), 0o6755);
    command('ln', ['-s', '/etc', join(source, 'tmp')]);
    writeFileSync(join(source, 'start'), '#!/bin/sh\n', { mode: 0o755 });
    const manifest = await importRuntime({ name: 'mine', source: { directory: source }, entrypoints: ['/start'], dataDir });
    rmSync(source, { recursive: true });
    using mine = new MountedRuntime(manifest);
    expect(manifest.entrypoints).toEqual(['/start']);
    expect(readdirSync(mine.root)).not.toContain('disk');
    expect(statSync(join(mine.root, 'raise')).mode & 0o7777).toBe(0o755);
    expect(mine.run('id -un; stat -c "%F %a" /tmp')).toBe('sbx_user1051\ndirectory 1777');
    expect(readFileSync(join(mine.root, 'etc/passwd'), 'utf8')).toMatch(/^root:/);
    await expect(importRuntime({ name: 'python3.13', source: { directory: '/' }, entrypoints: [], dataDir })).rejects.toMatchObject({
      code: 'Conflict',
    });
  });

  afterAll(() => {
    if (reason === undefined) rmSync(join(dataDir, 'runtimes', 'mine.json'), { force: true });
  });
});
