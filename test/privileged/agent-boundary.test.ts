import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zip } from '../../bench/zip.ts';
import { closeAll } from '../../src/linux/descriptor.ts';
import { linkRuntimes } from '../runtimes.ts';
import { RawDaemon } from './raw-daemon.ts';

/** A taken-over daemon against a real agent: each attack is refused, changes nothing, and the agent goes on answering. */
describe('the boundary between daemon and agent', () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-boundary-'));
  const mine = '111111111111';
  const theirs = '222222222222';
  let daemon: RawDaemon;
  let theirDigest: string;

  beforeAll(async () => {
    await linkRuntimes(dataDirectory);
    const bytes = Buffer.from('an image of another account');
    theirDigest = createHash('sha256').update(bytes).digest('hex');
    mkdirSync(join(dataDirectory, 'images', theirs), { recursive: true });
    writeFileSync(join(dataDirectory, 'images', theirs, `${theirDigest}.erofs`), bytes);
    daemon = RawDaemon.start(dataDirectory);
    expect((await daemon.request('listRuntimes', {})).ok).toBe(true);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true });
  });

  async function expectAlive(): Promise<void> {
    const reply = await daemon.request('listRuntimes', {});
    expect(reply.ok).toBe(true);
    expect(daemon.agent.exitCode).toBeNull();
  }

  const residentKiB = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.agent.pid}/status`, 'utf8'))?.[1]);

  it('discards a frame that announces more than 64 KiB and answers BadMessage', async () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(200_000);
    daemon.write(Buffer.concat([head, Buffer.alloc(200_000, 0x7b)]));
    expect((await daemon.nextUnasked()).code).toBe('BadMessage');
    await expectAlive();
  });

  it('holds nothing of an endless frame: 256 MiB leave its memory where it was', async () => {
    const before = residentKiB();
    const size = 256 * 1024 * 1024;
    const head = Buffer.alloc(4);
    head.writeUInt32BE(size);
    daemon.write(head);
    const chunk = Buffer.alloc(1024 * 1024, 0x61);
    for (let sent = 0; sent < size; sent += chunk.length) {
      if (!daemon.control.write(chunk)) await new Promise((resolve) => daemon.control.once('drain', resolve));
    }
    expect((await daemon.nextUnasked()).code).toBe('BadMessage');
    await expectAlive();
    expect(residentKiB() - before).toBeLessThan(96 * 1024);
  });

  it.each([
    ['not JSON', '{"id":1,'],
    ['not an object', '[1,2,3]'],
    ['null', 'null'],
    ['no id', '{"verb":"listRuntimes","fields":{}}'],
    ['an id that is no number', '{"id":"1","verb":"listRuntimes","fields":{}}'],
    ['an empty frame', ''],
    ['bytes that are no UTF-8', '\uFFFD\uFFFD'],
  ])('refuses a frame that is %s', async (_what, text) => {
    daemon.write(daemon.frame(text));
    expect(await daemon.nextUnasked()).toMatchObject({ ok: false, code: 'BadMessage' });
    await expectAlive();
  });

  it.each([
    ['__proto__', {}],
    ['constructor', {}],
    ['toString', {}],
    ['exec', { command: '/bin/sh' }],
    ['openUpload', { sizeBytes: -1 }],
    ['openUpload', { sizeBytes: 1e15 }],
    ['openUpload', { sizeBytes: 1.5 }],
    ['openSlot', { driver: 'oci', tmpSizeMiB: 1_000_000 }],
    ['openSlot', { driver: '../oci', tmpSizeMiB: 512 }],
    ['openSlot', { driver: 'oci', tmpSizeMiB: 512, path: '/etc' }],
    ['prepare', { slotId: '../../etc', runtime: 'provided.al2023', memorySizeMiB: 128 }],
    ['prepare', { slotId: 'slot-1', runtime: '../../../etc/passwd', memorySizeMiB: 128 }],
    ['prepare', { slotId: 'slot-1', runtime: 'provided.al2023', memorySizeMiB: 0 }],
    ['dropImage', { accountId: '..', digest: 'a'.repeat(64) }],
    ['dropImage', { accountId: '111111111111', digest: '../runtimes' }],
    ['destroy', { id: '../../' }],
    ['buildImage', { uploadId: 'up-0', accountId: '111111111111', maxUnpackedBytes: 1 }],
    ['start', { environmentId: 'env-0123456789abcdef', process: { kind: 'shell', command: '/bin/sh' }, environment: {} }],
    ['start', { environmentId: 'env-0123456789abcdef', process: { kind: 'runtime', name: 'sh' }, environment: {} }],
    ['start', { environmentId: 'env-0123456789abcdef', process: { kind: 'extension', name: '../../bin/sh' }, environment: {} }],
    ['start', { environmentId: 'env-0123456789abcdef', process: { kind: 'extension', name: '..' }, environment: {} }],
    ['start', { environmentId: 'env-0123456789abcdef', process: { kind: 'extension', name: 'a\u0000b' }, environment: {} }],
    ['start', { environmentId: 'env-0123456789abcdef', process: { kind: 'extension' }, environment: {} }],
    ['listExtensions', { environmentId: 'env-0123456789abcdef', directory: '/etc' }],
    ['signal', { environmentId: 'env-0123456789abcdef', processId: -1, signal: 'SIGKILL' }],
    ['signal', { environmentId: 'env-0123456789abcdef', processId: 0, signal: 'SIGKILL' }],
    ['signal', { environmentId: 'env-0123456789abcdef', processId: 1, signal: 'SIGSTOP' }],
    ['connect', { environmentId: 'env-0123456789abcdef', port: 0 }],
    ['connect', { environmentId: 'env-0123456789abcdef', port: 65_536 }],
    ['connect', { environmentId: 'env-0123456789abcdef', port: 80, address: '169.254.169.254' }],
    ['start', { environmentId: 'env-0123456789abcdef', process: { kind: 'runtime' }, environment: { 'A=B': 'x' } }],
    ['start', { environmentId: 'env-0123456789abcdef', process: { kind: 'runtime' }, environment: { A: 'x\u0000y' } }],
    [
      'ready',
      {
        endpoint: 'file:///etc/passwd',
        region: 'us-east-1',
        accountId: '111111111111',
        accessKeyId: 'A'.repeat(20),
        secretAccessKey: 'a'.repeat(40),
      },
    ],
  ])('refuses %s with %j as out of its rules', async (verb, fields) => {
    expect(await daemon.request(verb, fields)).toMatchObject({ ok: false, code: 'BadMessage' });
    await expectAlive();
  });

  it.each([
    ['freeze', { environmentId: 'env-0123456789abcdef' }],
    ['processes', { environmentId: 'env-0123456789abcdef' }],
    ['listExtensions', { environmentId: 'env-0123456789abcdef' }],
    ['signal', { environmentId: 'env-0123456789abcdef', processId: 1, signal: 'SIGTERM' }],
    ['connect', { environmentId: 'env-0123456789abcdef', port: 9_001 }],
    ['evidence', { environmentId: 'env-0123456789abcdef' }],
    ['prepare', { slotId: 'slot-9999', runtime: 'provided.al2023', memorySizeMiB: 128 }],
    ['buildImage', { uploadId: 'up-0123456789abcdef', accountId: '111111111111', maxUnpackedBytes: 1 }],
  ])('answers NotFound when %s names what does not exist', async (verb, fields) => {
    expect(await daemon.request(verb, fields)).toMatchObject({ ok: false, code: 'NotFound' });
  });

  it('builds no image of bytes that are no archive, its own erofs image among them, and keeps nothing of them', async () => {
    const superblock = Buffer.alloc(8_192);
    superblock.writeUInt32LE(0xe0f5e1e2, 1_024);
    for (const bytes of [superblock, Buffer.from('#!/bin/sh\n'), Buffer.alloc(100_000, 0x50)]) {
      const { result } = await daemon.request('openUpload', { sizeBytes: bytes.length });
      const fd = daemon.takeDescriptor();
      writeSync(fd, bytes);
      const { uploadId } = result as { uploadId: string };
      const reply = await daemon.request('buildImage', { uploadId, accountId: mine, maxUnpackedBytes: 1_000_000 });
      expect(reply).toMatchObject({ ok: false, code: 'ArchiveInvalid' });
      closeAll(fd);
      expect((await daemon.request('dropUpload', { uploadId })).ok).toBe(true);
    }
    expect(readdirSync(join(dataDirectory, 'images'))).not.toContain(mine);
    expect(readdirSync(join(dataDirectory, 'images')).filter((name) => name.startsWith('.building'))).toEqual([]);
  });

  it('gives an upload that cannot grow past what was asked for', async () => {
    const { result } = await daemon.request('openUpload', { sizeBytes: 4_096 });
    const fd = daemon.takeDescriptor();
    expect(() => writeSync(fd, Buffer.alloc(1), 0, 1, 4_096)).toThrow(/EPERM|EINVAL/);
    expect(() => writeSync(fd, Buffer.alloc(10), 0, 10, 1_000_000)).toThrow(/EPERM|EINVAL/);
    closeAll(fd);
    await daemon.request('dropUpload', result);
  });

  it('bounds uploads in number and size', async () => {
    const replies = await Promise.all(Array.from({ length: 12 }, () => daemon.request('openUpload', { sizeBytes: 100 * 1024 * 1024 })));
    const opened = replies.filter((reply) => reply.ok);
    expect(opened.length).toBeGreaterThan(0);
    expect(opened.length).toBeLessThanOrEqual(5);
    for (const reply of replies.filter(({ ok }) => !ok)) expect(reply.code).toBe('NoCapacity');
    for (const reply of opened) {
      closeAll(daemon.takeDescriptor());
      await daemon.request('dropUpload', { uploadId: (reply.result as { uploadId: string }).uploadId });
    }
  });

  it("never shows an environment another account's image, as code or as a layer", async () => {
    const archive = await zip({ bootstrap: '#!/bin/sh\nexit 0\n' });
    const { result: upload } = await daemon.request('openUpload', { sizeBytes: archive.length });
    const fd = daemon.takeDescriptor();
    writeSync(fd, archive);
    closeAll(fd);
    const { uploadId } = upload as { uploadId: string };
    const built = await daemon.request('buildImage', { uploadId, accountId: mine, maxUnpackedBytes: 1_000_000 });
    const { digest } = built.result as { digest: string };
    const { result: slot } = await daemon.request('openSlot', { driver: 'oci', tmpSizeMiB: 512 });
    const prepared = await daemon.request('prepare', { ...slot, runtime: 'provided.al2023', memorySizeMiB: 128 });
    const { environmentId } = prepared.result as { environmentId: string };
    const owner = { accountId: mine, functionName: 'f', version: '$LATEST' };
    const claims = [
      { codeDigest: theirDigest, layers: [] },
      { codeDigest: digest, layers: [{ accountId: theirs, digest: theirDigest }] },
      { codeDigest: digest, layers: [{ accountId: mine, digest: theirDigest }] },
    ];
    for (const claim of claims) {
      expect(await daemon.request('claim', { environmentId, owner, ...claim })).toMatchObject({ ok: false, code: 'NotFound' });
    }
    expect(await daemon.request('start', { environmentId, process: { kind: 'runtime' }, environment: {} })).toMatchObject({
      ok: false,
      code: 'Conflict',
    });
    expect((await daemon.request('claim', { environmentId, owner, codeDigest: digest, layers: [] })).ok).toBe(true);
    const second = { environmentId, owner: { ...owner, accountId: theirs }, codeDigest: theirDigest, layers: [] };
    expect((await daemon.request('claim', second)).ok).toBe(false);
    const again = await daemon.request('claim', { environmentId, owner: { ...owner, functionName: 'g' }, codeDigest: digest, layers: [] });
    expect(again).toMatchObject({ ok: false, code: 'Conflict' });
    expect((await daemon.request('destroy', { id: environmentId })).ok).toBe(true);
    expect((await daemon.request('destroy', { id: environmentId })).ok).toBe(true);
    expect(statSync(join(dataDirectory, 'images', theirs, `${theirDigest}.erofs`)).size).toBeGreaterThan(0);
  });

  it('answers every one of ten thousand requests sent without reading an answer', async () => {
    const replies = Array.from({ length: 10_000 }, () => daemon.request('freeze', { environmentId: 'env-0123456789abcdef' }));
    const codes = new Set((await Promise.all(replies)).map((reply) => reply.code));
    expect([...codes]).toEqual(['NotFound']);
    await expectAlive();
  });

  it('outlives random frames', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.json(), fc.string()), { minLength: 1, maxLength: 20 }), async (bodies) => {
        for (const body of bodies) daemon.write(daemon.frame(body));
        await expectAlive();
      }),
      { numRuns: 200 },
    );
    daemon.unasked.length = 0;
  });
});
