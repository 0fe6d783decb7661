import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeInitReply, encodeList, encodeReset, encodeSignal, encodeStart, type InitReply, initReplyBytes } from './init-protocol.ts';

const source = fileURLToPath(new URL('./init.c', import.meta.url));
const userId = 64_911;
const unshareArguments = ['--pid', '--fork', '--kill-child', '--mount-proc'];

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to become the function user and to make a pid namespace';
  if (spawnSync('gcc', ['--version']).status !== 0) return 'needs gcc';
  if (spawnSync('unshare', [...unshareArguments, 'true']).status !== 0) return 'no pid namespace may be made here';
  return undefined;
}
const reason = whyNot();

/** PID 1 running in a pid namespace of its own, driven over its control socket. */
class RunningInit implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly control: Duplex;
  #bytes = Buffer.alloc(0);
  #output = '';
  extensionOutput = '';
  readonly exited: Promise<number | null>;
  readonly #ended: Promise<unknown>;

  constructor(binary: string) {
    this.#process = spawn('unshare', [...unshareArguments, binary], { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe', 'pipe', 'pipe'] });
    this.control = this.#process.stdio[3] as Duplex;
    this.control.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.control.emit('record');
    });
    this.control.on('error', () => {});
    for (const index of [4, 5]) (this.#process.stdio[index] as Readable).on('data', (chunk: Buffer) => this.#hear(chunk));
    const extensionPipe: number = 6;
    (this.#process.stdio[extensionPipe] as Readable).on('data', (chunk: Buffer) => {
      this.extensionOutput += chunk.toString('utf8');
      this.control.emit('output');
    });
    this.exited = once(this.#process, 'exit').then(([status]) => status as number | null);
    this.#ended = Promise.all([4, 5, 6].map((index) => once(this.#process.stdio[index] as Readable, 'close')));
  }

  #hear(chunk: Buffer): void {
    this.#output += chunk.toString('utf8');
    this.control.emit('output');
  }

  async next(): Promise<InitReply> {
    for (;;) {
      const size = initReplyBytes(this.#bytes);
      if (size !== undefined && this.#bytes.length >= size) {
        const record = this.#bytes.subarray(0, size);
        this.#bytes = this.#bytes.subarray(size);
        return decodeInitReply(record);
      }
      await once(this.control, 'record', { signal: AbortSignal.timeout(10_000) });
    }
  }

  async outputMatching(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return match;
      await once(this.control, 'output', { signal: AbortSignal.timeout(10_000) });
    }
  }

  /** Everything written by all processes, once none is left that could write. */
  async allOutput(): Promise<string> {
    await this.#ended;
    return this.#output;
  }

  start(processId: number, script: string, variables: Record<string, string> = {}): void {
    this.startWith(processId, [script], variables);
  }

  startWith(processId: number, candidates: string[], variables: Record<string, string> = {}, cwd = '/'): void {
    this.control.write(encodeStart({ processId, uid: userId, gid: userId, cwd, candidates, variables, output: 'runtime' }));
  }

  startExtension(processId: number, script: string): void {
    this.control.write(encodeStart({ processId, uid: userId, gid: userId, cwd: '/', candidates: [script], variables: {}, output: 'extension' }));
  }

  list(listId: number, directory: string): void {
    this.control.write(encodeList({ listId, uid: userId, gid: userId, directory }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }
}

describe.skipIf(reason !== undefined)(`init${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let directory = '';
  let binary = '';
  const scriptOf = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'cloister-init-'));
    spawnSync('chmod', ['755', directory]);
    binary = join(directory, 'init');
    const compiled = spawnSync('gcc', ['-static', '-Os', '-Wall', '-Wextra', '-Werror', '-o', binary, source], { encoding: 'utf8' });
    expect(compiled.stderr).toBe('');
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('refuses to be anything but PID 1', () => {
    expect(spawnSync(binary, []).status).toBe(2);
  });

  it('gives an extension a pipe of its own, for both of its streams', async () => {
    await using init = new RunningInit(binary);
    init.startExtension(1, scriptOf('extension', 'echo out; echo error >&2'));
    init.start(2, scriptOf('runtime', 'echo mine; echo too >&2'));
    await init.outputMatching(/^(mine\ntoo|too\nmine)\n$/);
    await expect.poll(() => init.extensionOutput).toBe('out\nerror\n');
  });

  it('starts the first candidate that is executable, as the user, without privilege, with exactly the variables', async () => {
    await using init = new RunningInit(binary);
    const script = scriptOf(
      'facts',
      'echo "uid=$(id -u) gids=$(id -G) arguments=$# name=$0 cwd=$PWD"; env; grep -E "^(Cap|Sig(Blk|Ign|Cgt))" /proc/self/status; ls -l /proc/$$/fd; echo done',
    );
    const plain = join(directory, 'not-executable');
    writeFileSync(plain, '', { mode: 0o644 });
    init.startWith(7, [join(directory, 'missing'), plain, script], { ONE: '1', PATH: '/usr/bin:/bin' }, directory);
    expect(await init.next()).toMatchObject({ type: 'started', processId: 7 });
    expect(await init.next()).toEqual({ type: 'exited', processId: 7, status: 0, signal: null });
    const output = (await init.outputMatching(/[\s\S]*done\n/))[0];
    expect(output).toContain(`uid=${userId} gids=${userId} arguments=0 name=${script} cwd=${directory}`);
    expect(output.match(/^[A-Za-z_]+=\S*$/gm)?.filter((line) => !/^(uid|PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual(['ONE=1', 'PATH=/usr/bin:/bin']);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'SigBlk', 'SigIgn'])
      expect(output).toMatch(new RegExp(`^${set}:\\s+0{16}$`, 'm'));
    const open = [...output.matchAll(/ (\d+) -> (\S+)/g)].map((match) => [Number(match[1]), match[2]]);
    expect(open.filter(([fd]) => Number(fd) <= 2).map(([, target]) => String(target).replace(/:.*/, ''))).toEqual(['/dev/null', 'socket', 'socket']);
    expect(open.filter(([fd, target]) => Number(fd) > 2 && target !== script)).toEqual([]);
  });

  it('tells exit status and signal apart', async () => {
    await using init = new RunningInit(binary);
    init.start(1, scriptOf('seven', 'exit 7'));
    expect(await init.next()).toMatchObject({ type: 'started', processId: 1 });
    expect(await init.next()).toEqual({ type: 'exited', processId: 1, status: 7, signal: null });
    init.start(2, scriptOf('killed', 'kill -SEGV $$'));
    expect(await init.next()).toMatchObject({ type: 'started', processId: 2 });
    expect(await init.next()).toEqual({ type: 'exited', processId: 2, status: null, signal: constants.signals.SIGSEGV });
  });

  it('tells why a start failed, and is not told of an exit then', async () => {
    await using init = new RunningInit(binary);
    const plain = join(directory, 'plain');
    writeFileSync(plain, '', { mode: 0o644 });
    init.startWith(1, [join(directory, 'missing')]);
    expect(await init.next()).toEqual({ type: 'startFailed', processId: 1, errno: constants.errno.ENOENT });
    init.startWith(2, [plain, join(directory, 'missing')]);
    expect(await init.next()).toEqual({ type: 'startFailed', processId: 2, errno: constants.errno.EACCES });
    init.startWith(3, ['/bin/true'], {}, '/nowhere');
    expect(await init.next()).toEqual({ type: 'startFailed', processId: 3, errno: constants.errno.ENOENT });
    init.start(4, '/bin/true');
    expect(await init.next()).toMatchObject({ type: 'started', processId: 4 });
    expect(await init.next()).toMatchObject({ type: 'exited', processId: 4, status: 0 });
  });

  it('passes signals on', async () => {
    await using init = new RunningInit(binary);
    init.start(5, scriptOf('trap', 'trap "echo heard; exit 9" TERM; echo ready; while :; do sleep 0.05; done'));
    expect(await init.next()).toMatchObject({ type: 'started', processId: 5 });
    await init.outputMatching(/ready/);
    init.control.write(Buffer.concat([encodeSignal(99, 15), encodeSignal(5, 15)]));
    expect(await init.next()).toEqual({ type: 'exited', processId: 5, status: 9, signal: null });
    await init.outputMatching(/heard/);
  });

  it('signals the whole group of a process, and no other', async () => {
    await using init = new RunningInit(binary);
    const told = (name: string) => `trap "echo ${name}-told; exit 0" TERM; echo ${name}-ready; while :; do sleep 0.05; done`;
    init.start(1, scriptOf('leader', `sh -c '${told('child')}' & setsid sh -c '${told('stranger')}' & ${told('leader')}`), {
      PATH: '/usr/bin:/bin',
    });
    init.start(2, scriptOf('other', told('other')), { PATH: '/usr/bin:/bin' });
    for (const name of ['child', 'stranger', 'leader', 'other']) await init.outputMatching(new RegExp(`${name}-ready`));
    init.control.write(encodeSignal(1, 15));
    await init.outputMatching(/leader-told/);
    const output = await init.outputMatching(/[\s\S]*child-told[\s\S]*/);
    expect(output[0]).not.toMatch(/stranger-told|other-told/);
  });

  it('lists the files and links of a directory, whoever may execute them, and nothing else', async () => {
    await using init = new RunningInit(binary);
    const extensions = join(directory, 'extensions');
    mkdirSync(extensions);
    for (const [name, mode] of [
      ['one', 0o755],
      ['two words', 0o555],
      ['plain', 0o644],
      ['of-root', 0o700],
      ['line\nfeed', 0o755],
    ] as const)
      writeFileSync(join(extensions, name), '', { mode });
    mkdirSync(join(extensions, 'folder'));
    symlinkSync('one', join(extensions, 'link'));
    spawnSync('mknod', ['--mode=777', join(extensions, 'fifo'), 'p']);
    init.list(7, extensions);
    const answer = await init.next();
    expect(answer).toMatchObject({ type: 'listed', listId: 7, errno: 0 });
    expect((answer as { names: readonly string[] }).names.toSorted()).toEqual(['line\nfeed', 'link', 'of-root', 'one', 'plain', 'two words']);
    symlinkSync(extensions, join(directory, 'linked'));
    for (const [path, errno] of [
      [join(directory, 'missing'), constants.errno.ENOENT],
      [join(extensions, 'one'), constants.errno.ENOTDIR],
      [join(directory, 'linked'), constants.errno.ENOTDIR],
    ] as const) {
      init.list(8, path);
      expect(await init.next()).toEqual({ type: 'listed', listId: 8, errno, names: [] });
    }
  });

  it('goes on with its work while a directory of fifty thousand entries is read, and tells of 64 at most', async () => {
    await using init = new RunningInit(binary);
    const large = join(directory, 'large');
    mkdirSync(large);
    // Neither a file nor a link: all of them are looked at, and none counts.
    spawnSync('mknod', [join(large, 'plain-0'), 'p']);
    for (let index = 1; index < 50_000; index += 1) linkSync(join(large, 'plain-0'), join(large, `plain-${index}`));
    init.list(1, large);
    init.list(2, large);
    init.start(3, '/bin/true');
    const answers = [await init.next(), await init.next(), await init.next(), await init.next()];
    expect(answers.slice(0, 3)).toEqual([
      { type: 'listed', listId: 2, errno: constants.errno.EBUSY, names: [] },
      { type: 'started', processId: 3, pid: expect.any(Number) },
      { type: 'exited', processId: 3, status: 0, signal: null },
    ]);
    expect(answers[3]).toEqual({ type: 'listed', listId: 1, errno: 0, names: [] });
    for (let index = 0; index < 200; index += 1) writeFileSync(join(large, `run-${'x'.repeat(240)}-${index}`), '');
    init.list(4, large);
    const full = await init.next();
    expect(full).toMatchObject({ type: 'listed', listId: 4, errno: 0 });
    expect((full as { names: readonly string[] }).names).toHaveLength(64);
    // What ends before it has told everything has told nothing.
    init.control.write(Buffer.concat([encodeList({ listId: 5, uid: userId, gid: userId, directory: large }), encodeReset()]));
    const cut = [await init.next(), await init.next()];
    expect(cut).toContainEqual({ type: 'resetDone' });
    expect(cut).toContainEqual({ type: 'listed', listId: 5, errno: constants.errno.EIO, names: [] });
  });

  it('reaps orphans, and tells only of what it was asked to start', async () => {
    await using init = new RunningInit(binary);
    const orphans = 'for i in 1 2 3 4 5 6 7 8 9 10; do setsid sh -c "(:) & exit" & done; wait';
    const zombies = 'n=1; while [ $n -gt 0 ]; do n=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") Z 1 "); done; echo "zombies=$n"';
    init.start(1, scriptOf('orphans', `${orphans}; ${zombies}`), { PATH: '/usr/bin:/bin' });
    expect(await init.next()).toMatchObject({ type: 'started', processId: 1 });
    expect(await init.next()).toEqual({ type: 'exited', processId: 1, status: 0, signal: null });
    await init.outputMatching(/zombies=0/);
  });

  it('RESET ends every process, daemons too, and the environment can be used again', async () => {
    await using init = new RunningInit(binary);
    init.start(1, scriptOf('tree', 'for i in 1 2 3; do setsid sleep 1000 & done; trap "" TERM INT; echo ready; sleep 1000'), {
      PATH: '/usr/bin:/bin',
    });
    expect(await init.next()).toMatchObject({ type: 'started', processId: 1 });
    await init.outputMatching(/ready/);
    init.control.write(encodeReset());
    expect(await init.next()).toEqual({ type: 'exited', processId: 1, status: null, signal: constants.signals.SIGKILL });
    expect(await init.next()).toEqual({ type: 'resetDone' });
    init.start(2, scriptOf('count', 'echo "left: $(ls /proc | grep -E "^[0-9]+$" | grep -vE "^(1|$$)$" | wc -l)"'), { PATH: '/usr/bin:/bin' });
    expect(await init.next()).toMatchObject({ type: 'started', processId: 2 });
    expect(await init.next()).toMatchObject({ type: 'exited', processId: 2, status: 0 });
    // The subshell, ls, grep, grep and wc of the count itself; none of the four sleeps.
    expect(Number((await init.outputMatching(/left: (\d+)/))[1])).toBeLessThanOrEqual(5);
  });

  it('can not be signalled, traced or read by what it started', async () => {
    await using init = new RunningInit(binary);
    const tries = 'kill -9 1 && echo bad; cat /proc/1/environ && echo bad; ls /proc/1/fd && echo bad; echo x > /proc/1/mem && echo bad; echo tried';
    init.start(1, scriptOf('attack', `{ ${tries}; } 2>/dev/null`), { PATH: '/usr/bin:/bin' });
    expect(await init.next()).toMatchObject({ type: 'started' });
    expect(await init.next()).toMatchObject({ type: 'exited', status: 0 });
    expect((await init.outputMatching(/[\s\S]*tried/))[0]).toBe('tried');
  });

  it('ends with everything in it when the agent goes', async () => {
    await using init = new RunningInit(binary);
    init.start(1, scriptOf('stay', 'trap "" TERM HUP; (setsid sleep 1000) & echo ready; sleep 1000'), { PATH: '/usr/bin:/bin' });
    expect(await init.next()).toMatchObject({ type: 'started' });
    await init.outputMatching(/ready/);
    init.control.destroy();
    expect(await init.exited).toBe(0);
    // Both pipes are at their end: nobody is left who holds them.
    expect(await init.allOutput()).toContain('ready');
  });

  const u32 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => Buffer.from(Uint32Array.of(value).buffer)));
  const startBody = (uid: number, candidates: number, variables: number, strings: string, operation = 1): Buffer =>
    Buffer.concat([Buffer.of(operation), u32(1, uid, userId, candidates, variables), Buffer.from(strings)]);
  const framed = (body: Buffer): Buffer => Buffer.concat([u32(body.length), body]);
  it.each([
    ['an empty request', u32(0)],
    ['a request too long', u32(131_073)],
    ['an unknown operation', framed(Buffer.of(9))],
    ['a RESET with a body', framed(Buffer.of(2, 0))],
    ['a signal out of range', framed(Buffer.concat([Buffer.of(3), u32(1, 65)]))],
    ['a LIST as uid 0', framed(Buffer.concat([Buffer.of(4), u32(1, 0, userId), Buffer.from('/\0')]))],
    ['a LIST as gid -1', framed(Buffer.concat([Buffer.of(4), u32(1, userId, 0xffff_ffff), Buffer.from('/\0')]))],
    ['a LIST without a directory', framed(Buffer.concat([Buffer.of(4), u32(1, userId, userId)]))],
    ['a LIST of two directories', framed(Buffer.concat([Buffer.of(4), u32(1, userId, userId), Buffer.from('/\0/\0')]))],
    ['a LIST without its NUL', framed(Buffer.concat([Buffer.of(4), u32(1, userId, userId), Buffer.from('/tmp')]))],
    ['a START cut short', framed(Buffer.concat([Buffer.of(1), u32(1, userId)]))],
    ['a START as uid 0', framed(startBody(0, 1, 0, '/\0/bin/true\0'))],
    ['a START as uid -1', framed(startBody(0xffff_ffff, 1, 0, '/\0/bin/true\0'))],
    ['a START of an extension as uid 0', framed(startBody(0, 1, 0, '/\0/bin/true\0', 5))],
    ['a START without a candidate', framed(startBody(userId, 0, 0, '/\0'))],
    ['too few strings', framed(startBody(userId, 1, 2, '/\0/bin/true\0A=1\0'))],
    ['too many strings', framed(startBody(userId, 1, 0, '/\0/bin/true\0A=1\0'))],
    ['a string without its NUL', framed(startBody(userId, 1, 1, '/\0/bin/true\0A=1'))],
    ['counts that overflow', framed(startBody(userId, 1, 0xffff_ffff, '/\0/bin/true\0'))],
  ])('ends the environment on %s', async (_name, bytes) => {
    await using init = new RunningInit(binary);
    init.control.write(bytes);
    expect(await init.exited).toBe(1);
  });

  it('takes requests in pieces and several at once', async () => {
    await using init = new RunningInit(binary);
    const large = encodeStart({
      processId: 3,
      uid: userId,
      gid: userId,
      cwd: '/',
      candidates: ['/bin/true'],
      variables: { LONG: 'x'.repeat(100_000) },
      output: 'runtime',
    });
    init.control.write(large.subarray(0, 3));
    await new Promise((resolve) => setImmediate(resolve));
    init.control.write(Buffer.concat([large.subarray(3), encodeReset(), encodeReset()]));
    const replies: InitReply[] = [];
    while (replies.filter((reply) => reply.type === 'resetDone').length < 2) replies.push(await init.next());
    expect(replies.map((reply) => reply.type)).toEqual(['started', 'exited', 'resetDone', 'resetDone']);
  });
});
