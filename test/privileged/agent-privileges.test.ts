import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentCapabilityMask } from '../../src/agent/agent-capabilities.ts';
import { IdRanges } from '../../src/isolation/namespace/id-range.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

/** The root process of a real `cloister up`, while it serves: what the kernel says of it, and what the daemon's user can get of it. */
describe('the host agent', () => {
  let daemon: RunningDaemon;

  beforeAll(async () => {
    daemon = await startDaemon();
    const lambda = daemon.lambda();
    await deploy(lambda, { name: 'alive', runtime: 'nodejs24.x', files: { 'index.js': 'exports.handler = async () => "alive";' } });
    expect((await invoke(lambda, 'alive')).value).toBe('alive');
    // Readable for all of the host by its own mode, so that what stands in the way is the directory.
    chmodSync(daemon.dataDir, 0o711);
    writeFileSync(join(daemon.dataDir, 'config.json'), '{}', { mode: 0o600 });
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  it('holds in every thread no capability but those of its table, none that a child inherits, and no_new_privs', () => {
    const own = BigInt(`0x${/^CapBnd:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`);
    const threads = readdirSync(`/proc/${daemon.pid}/task`);
    expect(threads.length).toBeGreaterThan(6);
    for (const thread of threads) {
      const status = readFileSync(`/proc/${daemon.pid}/task/${thread}/status`, 'utf8');
      const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
      for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(BigInt(`0x${field(set)}`), `${thread} ${set}`).toBe(agentCapabilityMask & own);
      for (const set of ['CapInh', 'CapAmb']) expect(field(set), `${thread} ${set}`).toBe('0000000000000000');
      expect(field('NoNewPrivs'), thread).toBe('1');
    }
  });

  it('writes no core file, and makes files for root alone', () => {
    expect(readFileSync(`/proc/${daemon.pid}/limits`, 'utf8')).toMatch(/^Max core file size\s+0\s+0/m);
    expect(readFileSync(`/proc/${daemon.pid}/status`, 'utf8')).toMatch(/^Umask:\s*0077$/m);
  });

  it('is refused when it is started with all of root’s power', () => {
    const program = new URL('../../src/agent/main.ts', import.meta.url).pathname;
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', program, '--data-dir', `${daemon.dataDir}-other`],
      {
        encoding: 'utf8',
        timeout: 20_000,
      },
    );
    expect(status).toBe(4);
    expect(stderr).toContain('start it with "cloister up"');
  });

  it('gives the daemon’s user neither its memory, descriptors and environment nor keys, images, volumes and journal', () => {
    const { dataDir, pid } = daemon;
    const images = execFileSync('find', [join(dataDir, 'images'), '-name', '*.erofs'])
      .toString()
      .trim()
      .split('\n');
    expect(images.length).toBeGreaterThan(1);
    const secrets = [
      ...['mem', 'environ', 'maps', 'auxv', 'stack', 'syscall', 'pagemap'].map((name) => `/proc/${pid}/${name}`),
      ...['credentials', 'config.json', 'lock'].map((name) => join(dataDir, name)),
      ...images,
    ];
    const directories = [
      `/proc/${pid}/fd`,
      `/proc/${pid}/root/`,
      `/proc/${pid}/cwd/`,
      ...['images', 'volumes', 'journal'].map((name) => join(dataDir, name)),
    ];
    for (const path of secrets) expect(asDaemonUser('head', '-c', '1', path), path).toMatch(/Permission denied|Operation not permitted/);
    for (const path of directories) expect(asDaemonUser('ls', path), path).toMatch(/Permission denied/);
    for (const signal of ['KILL', 'STOP', '0']) expect(asDaemonUser('kill', `-${signal}`, String(pid))).toMatch(/not permitted/);
    // The same look succeeds where it should: the reason above is the user, not a missing file.
    expect(asDaemonUser('head', '-c', '1', join(dataDir, 'endpoint.json'))).toBe('{');
    for (const path of secrets.filter((one) => one.startsWith(dataDir))) expect(readFileSync(path).length, path).toBeGreaterThan(0);
  });

  it('gives out no range of ids while a process of it survives', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cloister-ids-'));
    const ranges = new IdRanges(directory, 'test');
    const freshStart = () => writeFileSync(join(directory, 'last'), '8000');
    freshStart();
    const first = ranges.take();
    ranges.release(first.index);
    const identity = [`--reuid=${first.firstId + 993}`, `--regid=${first.firstId + 990}`, '--clear-groups', '--'];
    const survivor = spawn('setpriv', [...identity, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    survivor.stdin.write('running');
    await once(survivor.stdout, 'data');
    freshStart();
    const second = ranges.take();
    expect(second.index).toBe(first.index + 1);
    ranges.release(second.index);
    const gone = once(survivor, 'exit');
    survivor.kill('SIGKILL');
    await gone;
    freshStart();
    expect(ranges.take().index).toBe(first.index);
    rmSync(directory, { recursive: true });
  });

  it('still serves after all that', async () => {
    expect((await invoke(daemon.lambda(), 'alive')).value).toBe('alive');
  });

  /** Standard output and error of a program that runs as the user cloister without any capability, on the host. */
  function asDaemonUser(...command: readonly string[]): string {
    const identity = ['--reuid=cloister', '--regid=cloister', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', '--'];
    const { stdout, stderr } = spawnSync('setpriv', [...identity, ...command], { encoding: 'utf8' });
    return `${stdout}${stderr}`;
  }
});
