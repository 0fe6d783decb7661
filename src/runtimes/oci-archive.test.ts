import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { textOf } from './guest-layout.ts';
import { readOciArchive } from './oci-archive.ts';
import type { RootTree } from './root-tree.ts';
import { writeTree } from './write-tree.ts';

interface Member {
  readonly name: string;
  readonly type?: string;
  readonly mode?: number;
  readonly content?: string | Buffer;
  readonly link?: string;
}

function tar(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ name, type = '0', mode = 0o644, content = '', link = '' }) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0, 'utf8');
    header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(link, 157, 'utf8');
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const pax = (records: Record<string, string>): Member => {
  const text = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + 1;
    while (String(length).length + rest !== length) length = String(length).length + rest;
    return `${length} ${key}=${value}\n`;
  });
  return { name: 'pax', type: 'x', content: text.join('') };
};

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'oci-archive-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hex = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** An archive of one image with these layers, as skopeo writes it. */
function archiveOf(layers: readonly Buffer[], change: (blobs: Map<string, Buffer>) => void = () => {}, architecture = 'amd64'): string {
  const blobs = new Map<string, Buffer>();
  const add = (bytes: Buffer): { digest: string; size: number } => {
    blobs.set(hex(bytes), bytes);
    return { digest: `sha256:${hex(bytes)}`, size: bytes.length };
  };
  const config = add(Buffer.from(JSON.stringify({ config: { Env: ['PATH=/bin', 'EMPTY=', 'AWS_REGION=x'] } })));
  const manifest = add(Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: layers.map(add) })));
  const other = { ...add(Buffer.from('{}')), platform: { os: 'linux', architecture: 's390x' } };
  const nested = add(Buffer.from(JSON.stringify({ manifests: [other, { ...manifest, platform: { os: 'linux', architecture } }] })));
  const index = JSON.stringify({ schemaVersion: 2, manifests: [nested] });
  change(blobs);
  const members = [...blobs].map(([digest, content]) => ({ name: `blobs/sha256/${digest}`, content }));
  const path = join(folder, 'image.tar');
  writeFileSync(path, tar([{ name: 'oci-layout', content: '{}' }, { name: './index.json', content: index }, ...members]));
  return path;
}

const read = (archive: string) => {
  const scratch = mkdtempSync(join(folder, 'scratch-'));
  return readOciArchive(archive, { scratch, architecture: 'x64' });
};
const layerTree = async (...layers: Member[][]): Promise<RootTree> => (await read(archiveOf(layers.map((layer) => tar(layer))))).tree;
async function textAt(tree: RootTree, path: string): Promise<string | undefined> {
  const entry = tree.lookup(path);
  return entry?.kind === 'file' ? textOf(entry) : undefined;
}

describe('readOciArchive()', () => {
  it('puts layers over each other, whatever their compression, and reads the variables', async () => {
    const lower = tar([
      { name: 'etc/', type: '5', mode: 0o755 },
      { name: 'etc/a', content: 'lower' },
      { name: 'etc/b', content: 'b' },
    ]);
    const middle = gzipSync(
      tar([
        { name: './etc/a', content: 'middle' },
        { name: 'run.sh', mode: 0o4755, content: 'x'.repeat(1000) },
      ]),
    );
    const upper = zstdCompressSync(tar([{ name: 'etc/c', content: 'c' }]));
    const image = await read(archiveOf([lower, middle, upper]));
    expect(await Promise.all(['/etc/a', '/etc/b', '/etc/c'].map((path) => textAt(image.tree, path)))).toEqual(['middle', 'b', 'c']);
    expect(image.tree.lookup('/run.sh')).toMatchObject({ kind: 'file', mode: 0o755 });
    expect(image.variables).toEqual({ PATH: '/bin', EMPTY: '', AWS_REGION: 'x' });
    expect(image.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('takes away what whiteouts name, but nothing of their own layer', async () => {
    const lower = ['a', 'gone', 'dir/x', 'dir/y', 'opaque/old'].map((name) => ({ name, content: name }));
    const upper = ['.wh.gone', 'dir/.wh.x', 'opaque/new', 'opaque/.wh..wh..opq'].map((name) => ({ name, content: '' }));
    const tree = await layerTree(lower, upper);
    const there = ['/a', '/gone', '/dir/x', '/dir/y', '/opaque/old', '/opaque/new', '/.wh.gone'].filter((path) => tree.lookup(path) !== undefined);
    expect(there).toEqual(['/a', '/dir/y', '/opaque/new']);
  });

  it('reads long names, links and hard links, and leaves devices out', async () => {
    const long = `deep/${'d'.repeat(120)}/${'f'.repeat(140)}`;
    const tree = await layerTree([
      pax({ path: long, mtime: '1.5' }),
      { name: 'cut', content: 'long' },
      { name: '././@LongLink', type: 'L', content: `${long}-gnu\0` },
      { name: 'cut', content: 'gnu' },
      { name: 'link', type: '2', link: '/etc/passwd' },
    ]);
    expect(await textAt(tree, `/${long}`)).toBe('long');
    expect(await textAt(tree, `/${long}-gnu`)).toBe('gnu');
    expect(tree.lookup('/link')).toEqual({ kind: 'symlink', target: '/etc/passwd' });
    const links = await layerTree([
      { name: 'first', content: 'one' },
      { name: 'second', type: '1', link: 'first' },
      { name: 'null', type: '3' },
      { name: 'pipe', type: '6' },
    ]);
    expect(await textAt(links, '/second')).toBe('one');
    expect([...links.root.entries.keys()]).toEqual(['first', 'second']);
  });

  it('writes nothing outside, whatever links a layer lays', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'kept'), 'mine');
    const tree = await layerTree(
      [
        { name: 'absolute', type: '2', link: outside },
        { name: 'relative', type: '2', link: '../../../../../../../..' },
        { name: 'usr/', type: '5' },
        { name: 'lib', type: '2', link: 'usr/lib' },
      ],
      [
        { name: 'absolute/kept', content: 'theirs' },
        { name: `relative${outside}/new`, content: 'theirs' },
        { name: 'lib/libx', content: 'library' },
        { name: '/rooted', content: 'inside' },
      ],
      [{ name: 'absolute/.wh.kept' }],
    );
    const target = join(folder, 'written');
    mkdirSync(target);
    await writeTree(tree, target, process.getuid?.() ?? 0);
    expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('mine');
    expect(readdirSync(outside)).toEqual(['kept']);
    expect(readFileSync(join(target, 'usr/lib/libx'), 'utf8')).toBe('library');
    expect(readFileSync(join(target, 'rooted'), 'utf8')).toBe('inside');
    expect(readFileSync(join(target, outside, 'new'), 'utf8')).toBe('theirs');
    expect(existsSync(join(target, outside, 'kept'))).toBe(false);
    expect(readlinkSync(join(target, 'absolute'))).toBe(outside);
    expect(statSync(join(target, 'rooted')).mode & 0o7777).toBe(0o644);
  });

  it.each<[string, Member[]]>([
    ['".." in a name', [{ name: 'a/../../b', content: 'x' }]],
    ['".." in a whiteout', [{ name: '../.wh.b' }]],
    ['".." in a hard link', [{ name: 'b', type: '1', link: '../../etc/passwd' }]],
    ['a hard link to nothing', [{ name: 'b', type: '1', link: 'etc/passwd' }]],
    [
      'links in a circle',
      [
        { name: 'a', type: '2', link: 'b' },
        { name: 'b', type: '2', link: 'a' },
        { name: 'a/x', content: 'x' },
      ],
    ],
    ['a name over 255 bytes', [pax({ path: 'n'.repeat(256) }), { name: 'cut', content: 'x' }]],
    ['a size that is no number', [pax({ size: '-5' }), { name: 'cut', content: 'x' }]],
    ['a size over the end', [pax({ size: '99999999' }), { name: 'cut', content: 'x' }]],
    ['a sparse file', [{ name: 'sparse', type: 'S' }]],
  ])('refuses %s', async (_name, members) => {
    await expect(layerTree(members)).rejects.toMatchObject({ name: 'CloisterError', code: expect.stringMatching(/^Archive/) });
  });

  it('refuses a layer or a document whose digest is not its name', async () => {
    const layer = tar([{ name: 'a', content: 'a' }]);
    const changed = (find: (bytes: Buffer) => boolean) =>
      archiveOf([layer], (blobs) => {
        for (const [digest, bytes] of blobs)
          if (find(bytes))
            blobs.set(digest, Buffer.from(bytes.toString('latin1').replace('ustar', 'ustaR').replace('"EMPTY="', '"EMPTZ="'), 'latin1'));
      });
    await expect(read(changed((bytes) => bytes.includes('ustar')))).rejects.toMatchObject({ code: 'ArchiveInvalid' });
    await expect(read(changed((bytes) => bytes.includes('EMPTY')))).rejects.toMatchObject({ code: 'ArchiveInvalid' });
  });

  it('refuses an image for another machine, and what is no archive', async () => {
    await expect(read(archiveOf([tar([])], undefined, 'arm64'))).rejects.toMatchObject({ code: 'ArchiveRefused' });
    writeFileSync(join(folder, 'text'), 'x'.repeat(2000));
    await expect(read(join(folder, 'text'))).rejects.toMatchObject({ code: 'ArchiveInvalid' });
  });
});
