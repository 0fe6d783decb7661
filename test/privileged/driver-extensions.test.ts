import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkRuntimes } from '../runtimes.ts';
import { craftedZip } from '../support/crafted-zip.ts';
import { buildImage, buildImageOf, type Claimed, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const accountId = '123456789012';
const variables = { PATH: '/usr/bin:/bin' };
const port = 18_080;

const waiting = 'while :; do sleep 0.05; done';
const bootstrap = `#!/bin/sh
echo runtime-started $(pwd) $(id -u)
${waiting}
`;
const extensions = {
  /** Says who it is, and what SIGTERM reaches. */
  'extensions/facts': `#!/bin/sh
echo "facts: $0 $# $(pwd) $(id -u) $MARK"
sh -c 'trap "echo child-told; exit 0" TERM; echo child-ready; ${waiting}' &
trap 'echo leader-told; exit 4' TERM
echo leader-ready
${waiting}
`,
  'extensions/not-a-program': 'neither a script nor a program',
  'extensions/no-interpreter': '#!/nowhere\n',
  /** An echo, and a listener that accepts nobody, next door. */
  'extensions/listener': `#!/var/lang/bin/python3.13
import socket
full = socket.socket(); full.bind(('127.0.0.1', ${port + 1})); full.listen(0)
server = socket.socket(); server.bind(('127.0.0.1', ${port})); server.listen()
print('listening', flush=True)
while True:
    peer, _ = server.accept()
    print('from', peer.getpeername()[0], flush=True)
    peer.sendall(peer.recv(100)[::-1])
    peer.close()
`,
};

/** External extensions and connections into an environment, through the agent's verbs. */
describe.each(['oci'])('driver contract, extensions and connections: %s', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-extensions-'));
  let daemon: RawDaemon;
  let codeDigest: string;
  let layer: string;
  const events: Record<string, unknown>[] = [];

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    daemon = RawDaemon.start(dataDirectory);
    daemon.onEvent = (event) => events.push(event);
    codeDigest = await buildImage(daemon, accountId, { bootstrap });
    layer = await buildImage(daemon, accountId, extensions);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true });
  });

  const claim = (layers: readonly string[], runtime = 'provided.al2023') => claimEnvironment(daemon, { accountId, codeDigest, layers, runtime });
  const verb = (name: string, claimed: Claimed, fields = {}) => daemon.request(name, { environmentId: claimed.environmentId, ...fields });
  const names = async (claimed: Claimed) => (await verb('listExtensions', claimed)).result?.['names'];
  const destroy = (claimed: Claimed) => daemon.request('destroy', { id: claimed.environmentId });
  const startExtension = async (claimed: Claimed, name: string) =>
    verb('start', claimed, { process: { kind: 'extension', name }, environment: { ...variables, MARK: name } });

  async function exitOf(claimed: Claimed, processId: unknown): Promise<Record<string, unknown>> {
    for (;;) {
      const found = events.find(
        (event) => event['event'] === 'exited' && event['environmentId'] === claimed.environmentId && event['processId'] === processId,
      );
      if (found !== undefined) return found;
      await new Promise((resolve) => daemon.control.once('data', resolve));
    }
  }

  async function connect(claimed: Claimed, to: number): Promise<Socket> {
    const answer = await verb('connect', claimed, { port: to });
    expect(answer.ok).toBe(true);
    return new Socket({ fd: daemon.takeDescriptor(), readable: true, writable: true });
  }

  it('listExtensions() tells of files and links of all layers, sorted, and of nothing else', async () => {
    const program = Buffer.from('#!/bin/sh\n');
    const other = await buildImageOf(
      daemon,
      accountId,
      craftedZip([
        { name: 'extensions/zeta', data: program, mode: 0o100755 },
        { name: 'extensions/Alpha.sh', data: program, mode: 0o100555 },
        { name: 'extensions/plain', data: program, mode: 0o100644 },
        { name: 'extensions/link', data: Buffer.from('zeta'), mode: 0o120777 },
        { name: 'extensions/two words', data: program, mode: 0o100755 },
        { name: 'extensions/-flag', data: program, mode: 0o100755 },
        { name: 'extensions/.hidden', data: program, mode: 0o100755 },
        { name: 'extensions/folder/inner', data: program, mode: 0o100755 },
        { name: 'inner/extension', data: program, mode: 0o100755 },
      ]),
    );
    using both = await claim([layer, other]);
    expect(await names(both)).toEqual(['Alpha.sh', 'facts', 'link', 'listener', 'no-interpreter', 'not-a-program', 'plain', 'zeta']);
    using one = await claim([other]);
    expect(await names(one)).toEqual(['Alpha.sh', 'link', 'plain', 'zeta']);
    using none = await claim([]);
    expect(await names(none)).toEqual([]);
    const linked = await buildImageOf(daemon, accountId, craftedZip([{ name: 'extensions', data: Buffer.from('/bin'), mode: 0o120777 }]));
    using link = await claim([linked]);
    expect(await names(link)).toEqual([]);
    await Promise.all([both, one, none, link].map(destroy));
  });

  it('listExtensions() of ten thousand files holds up neither the environment nor the agent, and tells of 64', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({ name: `extensions/n${index}${index % 100 === 0 ? '' : '/inner'}`, mode: 0o100755 }));
    const large = await buildImageOf(daemon, accountId, craftedZip(many));
    using claimed = await claim([large, layer]);
    const [listed, started] = await Promise.all([
      verb('listExtensions', claimed),
      verb('start', claimed, { process: { kind: 'runtime' }, environment: variables }),
    ]);
    expect(started.ok).toBe(true);
    expect(listed.result?.['names']).toHaveLength(64);
    await claimed.said('runtime-started');
    await destroy(claimed);
  });

  it('start() runs an extension beside the runtime as the same user, in /, with exactly its variables', async () => {
    using claimed = await claim([layer]);
    const { result } = await startExtension(claimed, 'facts');
    const runtime = await verb('start', claimed, { process: { kind: 'runtime' }, environment: variables });
    expect(runtime.result?.['processId']).not.toBe(result?.['processId']);
    await claimed.said('facts: /opt/extensions/facts 0 / 993 facts');
    await claimed.said('runtime-started /var/task 993');
    await destroy(claimed);
  });

  it('start() of an extension that is not there or is no program is refused, and the environment lives', async () => {
    using claimed = await claim([layer]);
    expect(await startExtension(claimed, 'missing')).toMatchObject({ ok: false, code: 'NotFound' });
    expect(await startExtension(claimed, 'no-interpreter')).toMatchObject({ ok: false, code: 'NotFound' });
    expect(await startExtension(claimed, 'not-a-program')).toMatchObject({ ok: false, code: 'NoProgram' });
    expect((await startExtension(claimed, 'facts')).ok).toBe(true);
    await destroy(claimed);
  });

  it('signal() reaches the process and its children, and no other; its end is told', async () => {
    using claimed = await claim([layer]);
    const { processId } = (await startExtension(claimed, 'facts')).result ?? {};
    const other = (await verb('start', claimed, { process: { kind: 'runtime' }, environment: variables })).result?.['processId'];
    await Promise.all(['leader-ready', 'child-ready', 'runtime-started'].map((text) => claimed.said(text)));
    expect((await verb('signal', claimed, { processId, signal: 'SIGTERM' })).ok).toBe(true);
    expect(await exitOf(claimed, processId)).toMatchObject({ status: 4, signal: null, outOfMemory: false });
    await claimed.said('child-told');
    // Who has ended is left alone.
    expect((await verb('signal', claimed, { processId, signal: 'SIGKILL' })).ok).toBe(true);
    expect((await verb('signal', claimed, { processId: 4_000_000, signal: 'SIGKILL' })).ok).toBe(true);
    expect(events.some((event) => event['environmentId'] === claimed.environmentId && event['processId'] === other)).toBe(false);
    await verb('signal', claimed, { processId: other, signal: 'SIGKILL' });
    expect(await exitOf(claimed, other)).toMatchObject({ status: null, signal: 9 });
    await destroy(claimed);
  });

  it('connect() leads to 127.0.0.1 of this environment, and to no other and not to the host', async () => {
    await using hostServer = createServer((socket) => socket.end('the host')).listen(port + 2, '127.0.0.1');
    using listening = await claim([layer], 'python3.13');
    using deaf = await claim([layer], 'python3.13');
    await startExtension(listening, 'listener');
    await listening.said('listening');
    const socket = await connect(listening, port);
    const answer = new Promise((resolve) => socket.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    socket.write('abc');
    expect(await answer).toBe('cba');
    socket.destroy();
    await listening.said('from 127.0.0.1');
    expect(await verb('connect', deaf, { port })).toMatchObject({ ok: false, code: 'ConnectionRefused' });
    expect(hostServer.listening).toBe(true);
    expect(await verb('connect', listening, { port: port + 2 })).toMatchObject({ ok: false, code: 'ConnectionRefused' });
    await Promise.all([listening, deaf].map(destroy));
  });

  it('connect() gives up on a listener that accepts nobody, lets few wait, and goes on serving others', async () => {
    using claimed = await claim([layer], 'python3.13');
    await startExtension(claimed, 'listener');
    await claimed.said('listening');
    const sockets: Socket[] = [];
    // The queue of a listener with a backlog of 0 holds one.
    const answers = await Promise.all(Array.from({ length: 12 }, () => verb('connect', claimed, { port: port + 1 })));
    for (const answer of answers) if (answer.ok) sockets.push(new Socket({ fd: daemon.takeDescriptor(), readable: true, writable: true }));
    expect(answers.filter(({ code }) => code === 'ConnectionTimedOut').length).toBeGreaterThan(0);
    expect(answers.filter(({ code }) => code === 'NoCapacity').length).toBeGreaterThan(0);
    expect(new Set(answers.filter(({ ok }) => !ok).map(({ code }) => code))).toEqual(new Set(['ConnectionTimedOut', 'NoCapacity']));
    sockets.push(await connect(claimed, port));
    for (const socket of sockets) socket.destroy();
    await destroy(claimed);
  });

  it('has nothing for an environment without an owner', async () => {
    const { result } = await daemon.request('openSlot', { driver: 'oci', tmpSizeMiB: 512 });
    const prepared = await daemon.request('prepare', { ...result, runtime: 'provided.al2023', memorySizeMiB: 128, accountId });
    const { environmentId } = prepared.result as { environmentId: string };
    for (const [name, fields] of [
      ['listExtensions', {}],
      ['connect', { port: 9_001 }],
      ['start', { process: { kind: 'extension', name: 'facts' }, environment: {} }],
    ] as const)
      expect(await daemon.request(name, { environmentId, ...fields })).toMatchObject({ ok: false, code: 'Conflict' });
    await daemon.request('destroy', { id: environmentId });
  });
});
