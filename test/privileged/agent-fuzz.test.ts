import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeAll } from '../../src/linux/descriptor.ts';
import { linkRuntimes } from '../runtimes.ts';
import { requestFrames } from '../support/request-frames.ts';
import { buildImage, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const accountId = '123456789012';
const frames = 24_000;
const batchFrames = 200;
const maxOpenSlots = 8;

/** Every program the agent starts, itself or through another, by the last part of its path. A number: crun and runc execute a sealed copy of themselves. */
const programs =
  /^(crun|runc|exe|\d+|nsenter|setpriv|unshare|cat|mkfs\.ext4|chmod|ldd|bash|sh|ld-linux-[\w-]+\.so\.2|node|mkfs\.erofs|init|ip|tc|ip6?tables-restore)$/;

/** What the test's own function runs inside its environment. */
const insidePrograms = /^(sleep|bootstrap)$/;

/** Tens of thousands of hostile frames against a real agent, with every path it opens and every program it starts seen from outside by strace(1). */
describe('the agent under hostile frames', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-fuzz-'));
  const trace = join(dataDirectory, 'trace');
  let daemon: RawDaemon;
  let codeDigest: string;
  let threads: ReadonlySet<string>;

  beforeAll(async () => {
    if (!existsSync('/usr/bin/strace'))
      execFileSync('apt-get', ['-qq', 'install', '--yes', '--no-install-recommends', 'strace'], { stdio: 'ignore' });
    await linkRuntimes(dataDirectory);
    daemon = RawDaemon.start(dataDirectory);
    codeDigest = await buildImage(daemon, accountId, { bootstrap: '#!/bin/sh\necho served\nsleep 1000\n' });
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true });
  });

  async function serve(): Promise<void> {
    using claimed = await claimEnvironment(daemon, { accountId, codeDigest });
    const { environmentId } = claimed;
    expect((await daemon.request('start', { environmentId, process: { kind: 'runtime' }, environment: { PATH: '/usr/bin:/bin' } })).ok).toBe(true);
    await claimed.said('served');
    expect((await daemon.request('destroy', { id: environmentId })).ok).toBe(true);
  }

  it(`outlives ${frames} of them, and answers each batch`, async () => {
    await serve();
    const before = threadsOf(daemon.agent.pid as number);
    const strace = spawn('strace', ['-f', '-qq', '-s', '4096', '-e', 'trace=%file', '-o', trace, '-p', String(daemon.agent.pid)], {
      stdio: 'ignore',
    });
    const exited = once(strace, 'exit');
    await expect.poll(() => readFileSync(`/proc/${daemon.agent.pid}/status`, 'utf8')).toMatch(new RegExp(`^TracerPid:\\s*${strace.pid}$`, 'm'));
    const opened = new Set<string>();
    const uploads: unknown[] = [];
    let answered = 0;
    daemon.onOther = ({ result }) => {
      answered += 1;
      if (typeof result?.['slotId'] === 'string') opened.add(result['slotId']);
      if (typeof result?.['descriptor'] !== 'number') return;
      closeAll(daemon.takeDescriptor());
      uploads.push(result['uploadId']);
    };
    let sent = 0;
    for (let seed = 1; sent < frames; seed += 1) {
      const bodies = fc.sample(requestFrames([...opened]), { numRuns: batchFrames, seed });
      for (const body of bodies) {
        // Slots are real work: only so many of the hostile frames that are right by chance may make one.
        if (/"openSlot"/.test(body) && opened.size >= maxOpenSlots) continue;
        daemon.write(daemon.frame(body));
        sent += 1;
      }
      expect((await daemon.request('listRuntimes', {})).ok).toBe(true);
      daemon.unasked.length = 0;
      for (const uploadId of uploads.splice(0)) await daemon.request('dropUpload', { uploadId });
    }
    threads = new Set([...before, ...threadsOf(daemon.agent.pid as number)].map(String));
    expect(sent).toBeGreaterThanOrEqual(frames);
    for (const id of opened) expect((await daemon.request('destroy', { id })).ok).toBe(true);
    expect(answered).toBeGreaterThan(frames / 2);
    await serve();
    strace.kill('SIGINT');
    await exited;
    expect(daemon.agent.exitCode).toBeNull();
  }, 110_000);

  it('touched no path outside its directories', () => {
    const own = [`${dataDirectory}/`, '/run/cloister', '/proc/', '/sys/', '/dev/', '/var/lib/cloister/'];
    const code = [process.cwd(), join(process.execPath, '../..')];
    const touched = lines().filter(({ thread }) => threads.has(thread));
    expect(touched.length).toBeGreaterThan(20);
    const outside = touched.filter(
      ({ call, path }) =>
        path.startsWith('/') && ![...own, ...code].some((prefix) => `${path}/`.startsWith(prefix)) && !(call === 'execve' || call === 'access'),
    );
    expect(outside.filter(({ path }) => !['/', '/etc/passwd', '/tmp'].includes(path))).toEqual([]);
    const relative = touched.filter(({ path }) => path !== '' && !path.startsWith('/')).map(({ path }) => path);
    expect(relative.filter((path) => path.split('/').includes('..'))).toEqual([]);
    // Removals and renames never reach the store of another account, a runtime or what the administrator wrote.
    const removed = touched.filter(({ call }) => /unlink|rmdir|rename/.test(call)).map(({ path }) => path);
    expect(removed.filter((path) => /\/(runtimes|config\.json|lock)(\/|$)/.test(path))).toEqual([]);
  });

  it('started no program that is not in its table', () => {
    const started = new Set(
      lines()
        .filter(({ call, answer }) => /^execve/.test(call) && answer === '0')
        .map(({ path }) => path.split('/').at(-1) ?? ''),
    );
    started.delete('');
    expect(started.size).toBeGreaterThan(2);
    expect([...started].filter((name) => !programs.test(name) && !insidePrograms.test(name))).toEqual([]);
  });

  it('left nothing behind', () => {
    for (const name of ['volumes', 'journal']) expect(readdirSync(join(dataDirectory, name)), name).toEqual([]);
    expect(readdirSync(join(dataDirectory, 'images')).filter((name) => name.startsWith('.building'))).toEqual([]);
    expect(readFileSync(`/proc/${daemon.agent.pid}/mountinfo`, 'utf8')).not.toMatch(/slot-\d+/);
  });

  function lines(): readonly { readonly thread: string; readonly call: string; readonly path: string; readonly answer: string }[] {
    return readFileSync(trace, 'latin1')
      .split('\n')
      .flatMap((line) => {
        const [, thread, call, rest] = /^(\d+)\s+(\w+)\((.*)$/.exec(line) ?? [];
        if (thread === undefined || call === undefined || rest === undefined) return [];
        return [{ thread, call, path: /"((?:[^"\\]|\\.)*)"/.exec(rest)?.[1] ?? '', answer: / = (-?\d+)[^=]*$/.exec(rest)?.[1] ?? '' }];
      });
  }
});

function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`);
}
