import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { BuilderDirectory } from '../../../test/support/builder-directory.ts';
import { type CraftedEntry, craftedZip } from '../../../test/support/crafted-zip.ts';
import { maxReportBytes } from './report.ts';

const refusal = (code: string, reason: string) => ({ ok: false, code, reason });
const file = (name: string, text = 'x', mode = 0o100644): CraftedEntry => ({ name, data: Buffer.from(text), mode });
const link = (name: string, target: string): CraftedEntry => ({ name, data: Buffer.from(target), mode: 0o120777 });

let directory: BuilderDirectory;
let extraction: string;
beforeAll(() => {
  // Memory, as /build is where the agent runs this program.
  directory = new BuilderDirectory('/dev/shm');
  extraction = mkdtempSync(join(tmpdir(), 'cloister-extracted-'));
});
afterAll(() => {
  directory[Symbol.dispose]();
  rmSync(extraction, { recursive: true, force: true });
});

/** What is in an image, as fsck.erofs checks and extracts it. */
const extract = (imagePath: string): string => {
  const into = join(mkdtempSync(join(extraction, 'x-')), 'tree');
  execFileSync('fsck.erofs', [`--extract=${into}`, '--preserve-perms', imagePath], { stdio: 'pipe' });
  return into;
};

const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;

const yazlArchive = async (fill: (zip: ZipFile) => void, zip64 = false): Promise<Buffer> => {
  const zip = new ZipFile();
  fill(zip);
  zip.end({ forceZip64Format: zip64, comment: '' });
  return await buffer(zip.outputStream);
};

/** `zip -y -r` of a package, a file with an umlaut and a link, made on Linux. */
const infoZip = [
  'UEsDBAoAAAAAAKm9d10AAAAAAAAAAAAAAAAEAAAAcGtnL1BLAwQUAAAACACpvXddordsgxAAAADCAQAADwAAAHBrZy9fX2luaXRfXy5weSsoyswr0TDU5CoYZQxNBgBQSw',
  'MECgAAAAAAqb13XYamEDYFAAAABQAAAAsAAABncsO8w59lLnR4dGhlbGxvUEsDBAoAAAAAAKm9d13aXjIODwAAAA8AAAAHAAAAbWFpbi5weXBrZy9fX2luaXRfXy5weVBL',
  'AQIeAwoAAAAAAKm9d10AAAAAAAAAAAAAAAAEAAAAAAAAAAAAEADtQQAAAABwa2cvUEsBAh4DFAAAAAgAqb13XaK3bIMQAAAAwgEAAA8AAAAAAAAAAQAAAKSBIgAAAHBrZy',
  '9fX2luaXRfXy5weVBLAQIeAwoAAAAAAKm9d12GphA2BQAAAAUAAAALAAAAAAAAAAEAAACkgV8AAABncsO8w59lLnR4dFBLAQIeAwoAAAAAAKm9d13aXjIODwAAAA8AAAAH',
  'AAAAAAAAAAAAAAD/oY0AAABtYWluLnB5UEsFBgAAAAAEAAQA3QAAAMEAAAAAAA==',
].join('');

/** `ZipFile.writestr('app.py', 'x=1')` of Python 3: its mode is 0600. */
const pythonZip = [
  'UEsDBBQAAAAAAKm9d11+qJWeAwAAAAMAAAAGAAAAYXBwLnB5eD0xUEsBAhQDFAAAAAAAqb13XX6olZ4DAAAAAwAAAAYAAAAAAAAAAAAAAIABAAAAAGFwcC5weVBLBQYAAA',
  'AAAQABADQAAAAnAAAAAAA=',
].join('');

describe('builder: archives as people make them', () => {
  it('packs files, links, modes and implied directories into an image that fsck.erofs accepts', async () => {
    const large = randomBytes(400_000);
    const archive = await yazlArchive((zip) => {
      zip.addBuffer(Buffer.from('exports.handler = 1'), 'index.js', { mode: 0o100600 });
      zip.addBuffer(Buffer.alloc(300_000, 'ab'), 'lib/deep/data.bin', { mode: 0o100755 });
      zip.addBuffer(Buffer.from('../index.js'), 'lib/link', { mode: 0o120777 });
      zip.addBuffer(large, 'large', { mode: 0o100444 });
      zip.addEmptyDirectory('empty', { mode: 0o040700 });
    });
    const { report, status, imagePath, strays } = await directory.run(archive);
    expect(report).toEqual({ ok: true, unpackedBytes: 19 + 300_000 + 11 + 400_000, entries: 5 });
    expect(status).toBe(0);
    expect(strays).toEqual([]);
    const tree = extract(imagePath);
    expect(readFileSync(join(tree, 'index.js'), 'utf8')).toBe('exports.handler = 1');
    expect(readFileSync(join(tree, 'lib/deep/data.bin')).equals(Buffer.alloc(300_000, 'ab'))).toBe(true);
    expect(readFileSync(join(tree, 'large')).equals(large)).toBe(true);
    expect(readlinkSync(join(tree, 'lib/link'))).toBe('../index.js');
    expect(modeOf(join(tree, 'index.js'))).toBe(0o644);
    expect(modeOf(join(tree, 'lib/deep/data.bin'))).toBe(0o755);
    expect(modeOf(join(tree, 'lib'))).toBe(0o755);
    expect(modeOf(join(tree, 'empty'))).toBe(0o755);
  });

  it('reads what Info-ZIP zip writes', async () => {
    const { report, imagePath } = await directory.run(Buffer.from(infoZip, 'base64'));
    expect(report).toEqual({ ok: true, unpackedBytes: 450 + 5 + 15, entries: 4 });
    const tree = extract(imagePath);
    expect(readdirSync(tree).sort()).toEqual(['grüße.txt', 'main.py', 'pkg']);
    expect(readFileSync(join(tree, 'main.py'), 'utf8')).toBe('print(1)\n'.repeat(50));
    expect(readlinkSync(join(tree, 'main.py'))).toBe('pkg/__init__.py');
  });

  it('reads what Python zipfile.writestr writes, and makes its 0600 readable', async () => {
    const { report, imagePath } = await directory.run(Buffer.from(pythonZip, 'base64'));
    expect(report).toEqual({ ok: true, unpackedBytes: 3, entries: 1 });
    expect(modeOf(join(extract(imagePath), 'app.py'))).toBe(0o644);
  });

  it('reads zip64', async () => {
    const made = await directory.run(await yazlArchive((zip) => zip.addBuffer(Buffer.from('abc'), 'a', { mode: 0o100644 }), true));
    expect(made.report).toEqual({ ok: true, unpackedBytes: 3, entries: 1 });
    const crafted = await directory.run(craftedZip([file('a', 'abc')], { zip64: true }));
    expect(crafted.report).toEqual({ ok: true, unpackedBytes: 3, entries: 1 });
    expect(crafted.image.equals(made.image)).toBe(true);
  });

  it('gives the same bytes for the same archive, on another file system too', async () => {
    const entries = Array.from({ length: 200 }, (_, index) => file(`d${index % 7}/${(index * 7919) % 1000}`, `${index}`.repeat(index * 9)));
    const archive = craftedZip(entries);
    using elsewhere = new BuilderDirectory(tmpdir());
    const first = await directory.run(archive);
    const second = await elsewhere.run(archive);
    expect(first.report).toMatchObject({ ok: true, entries: 200 });
    expect(first.image.length).toBeGreaterThan(4_096);
    expect(second.image.equals(first.image)).toBe(true);
    const reversed = await directory.run(craftedZip(entries.toReversed()));
    expect(reversed.image.equals(first.image)).toBe(true);
  });

  it('lets the last of two files of one name win', async () => {
    const { report, imagePath } = await directory.run(craftedZip([file('a', 'one'), file('./a', 'two'), link('b', 'a'), file('b', 'own')]));
    expect(report).toMatchObject({ ok: true, entries: 4 });
    const tree = extract(imagePath);
    expect(readFileSync(join(tree, 'a'), 'utf8')).toBe('two');
    expect(readFileSync(join(tree, 'b'), 'utf8')).toBe('own');
    expect(lstatSync(join(tree, 'b')).isSymbolicLink()).toBe(false);
  });

  it('strips set-uid, set-gid and sticky bits and gives everything to root', async () => {
    const { imagePath } = await directory.run(craftedZip([file('suid', 'x', 0o104755), file('sgid', 'x', 0o102755), { name: 'd/', mode: 0o041777 }]));
    const tree = extract(imagePath);
    expect([modeOf(join(tree, 'suid')), modeOf(join(tree, 'sgid')), modeOf(join(tree, 'd'))]).toEqual([0o755, 0o755, 0o777]);
    const dump = execFileSync('dump.erofs', ['--path=/suid', imagePath], { encoding: 'utf8' });
    expect(dump).toMatch(/Uid: 0\s+Gid: 0/);
  });

  it('copies the image when its file cannot be opened a second time', async () => {
    const archive = craftedZip([file('a', 'abc'.repeat(9_999))]);
    const direct = await directory.run(archive);
    const copied = await directory.run(archive, {
      imageMode: 0o000,
      prefix: ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'],
    });
    expect(copied.report).toEqual(direct.report);
    expect(copied.image.equals(direct.image)).toBe(true);
    expect(copied.strays).toEqual([]);
  });
});

describe('builder: hostile and damaged archives', () => {
  const good = craftedZip([
    file('index.js', 'exports.handler = async () => 1;\n'.repeat(40)),
    { name: 'z', data: Buffer.alloc(5_000), deflate: true },
  ]);
  const flip = (archive: Buffer, position: number): Buffer => {
    const copy = Buffer.from(archive);
    copy.writeUInt8(copy.readUInt8(position) ^ 0xff, position);
    return copy;
  };

  const large = craftedZip([{ name: 'large', data: randomBytes(300_000) }]);
  const largeDeflated = (declaredBytes?: number): Buffer =>
    craftedZip([{ name: 'large', data: randomBytes(300_000), deflate: true, ...(declaredBytes === undefined ? {} : { declaredBytes }) }]);

  const cases: readonly (readonly [string, Buffer, string, string])[] = [
    ['no bytes', Buffer.alloc(0), 'ArchiveInvalid', 'NotAZip'],
    ['bytes that are no zip', Buffer.from('#!/bin/sh\necho hello\n'.repeat(50)), 'ArchiveInvalid', 'NotAZip'],
    ['an empty zip', craftedZip([]), 'ArchiveInvalid', 'Empty'],
    ['a truncated zip', good.subarray(0, good.length - 40), 'ArchiveInvalid', 'NotAZip'],
    ['a zip without its beginning', good.subarray(50), 'ArchiveInvalid', 'Damaged'],
    ['a byte changed in stored data', flip(good, 100), 'ArchiveInvalid', 'Damaged'],
    ['a byte changed in deflated data', flip(good, good.indexOf('PK\x03\x04', 10) + 33), 'ArchiveInvalid', 'Damaged'],
    ['a byte changed far into stored data', flip(large, 250_000), 'ArchiveInvalid', 'Damaged'],
    ['a byte changed far into deflated data', flip(largeDeflated(), 250_000), 'ArchiveInvalid', 'Damaged'],
    ['a large entry greater than declared', largeDeflated(299_999), 'ArchiveInvalid', 'Damaged'],
    ['a large entry smaller than declared', largeDeflated(300_001), 'ArchiveInvalid', 'Damaged'],
    ['a wrong CRC-32', craftedZip([{ ...file('a'), crc: 1 }]), 'ArchiveInvalid', 'Damaged'],
    [
      'a size smaller than the truth',
      craftedZip([{ name: 'a', data: Buffer.alloc(9_999), deflate: true, declaredBytes: 10 }]),
      'ArchiveInvalid',
      'Damaged',
    ],
    [
      'a size greater than the truth',
      craftedZip([{ name: 'a', data: Buffer.alloc(10), deflate: true, declaredBytes: 9_999 }]),
      'ArchiveInvalid',
      'Damaged',
    ],
    ['stored sizes that disagree', craftedZip([{ name: 'a', data: Buffer.alloc(10), declaredBytes: 11 }]), 'ArchiveInvalid', 'Damaged'],
    ['two names for one entry', craftedZip([{ ...file('a'), localName: 'b' }]), 'ArchiveInvalid', 'Damaged'],
    ['an entry not counted', craftedZip([file('a'), file('b')], { declaredEntries: 1 }), 'ArchiveInvalid', 'Damaged'],
    ['an entry counted too many', craftedZip([file('a')], { declaredEntries: 2 }), 'ArchiveInvalid', 'Damaged'],
    ['a directory with contents', craftedZip([{ name: 'd/', data: Buffer.from('x') }]), 'ArchiveInvalid', 'Damaged'],
    ['..', craftedZip([file('../escape')]), 'ArchiveRefused', 'Name'],
    ['.. in the middle', craftedZip([file('a/../../escape')]), 'ArchiveRefused', 'Name'],
    ['an absolute name', craftedZip([file('/tmp/escape')]), 'ArchiveRefused', 'Name'],
    ['a drive letter', craftedZip([file('C:escape')]), 'ArchiveRefused', 'Name'],
    ['a backslash', craftedZip([file('..\\escape')]), 'ArchiveRefused', 'Name'],
    ['a NUL in the name', craftedZip([{ name: Buffer.from('a\0b') }]), 'ArchiveRefused', 'Name'],
    ['no name', craftedZip([file('')]), 'ArchiveRefused', 'Name'],
    ['a name that is not UTF-8', craftedZip([{ name: Buffer.from([0xff, 0xfe]) }]), 'ArchiveRefused', 'Name'],
    ['a component over 255 bytes', craftedZip([file('n'.repeat(256))]), 'ArchiveRefused', 'Name'],
    ['a path over 2,048 bytes', craftedZip([file(`${'n'.repeat(200)}/`.repeat(11))]), 'ArchiveRefused', 'Name'],
    ['65 levels', craftedZip([file(`${'d/'.repeat(64)}f`)]), 'ArchiveRefused', 'Name'],
    ['a file through a link', craftedZip([link('out', '/tmp'), file('out/escape')]), 'ArchiveRefused', 'ThroughLink'],
    ['a directory over a link', craftedZip([link('out', '/tmp'), { name: 'out/', mode: 0o040755 }]), 'ArchiveRefused', 'ThroughLink'],
    ['a link through a link', craftedZip([link('up', '..'), link('up/escape', '/etc/passwd')]), 'ArchiveRefused', 'ThroughLink'],
    ['a link without a target', craftedZip([link('l', '')]), 'ArchiveRefused', 'LinkTarget'],
    ['a link with a NUL in its target', craftedZip([link('l', 'a\0b')]), 'ArchiveRefused', 'LinkTarget'],
    ['a link with a target of 4,096 bytes', craftedZip([link('l', 't'.repeat(4_096))]), 'ArchiveRefused', 'LinkTarget'],
    ['a file over a directory', craftedZip([file('a/b'), file('a')]), 'ArchiveRefused', 'PathConflict'],
    ['a link over a directory', craftedZip([file('a/b'), link('a', '/tmp')]), 'ArchiveRefused', 'PathConflict'],
    ['a directory over a file', craftedZip([file('a'), file('a/b')]), 'ArchiveRefused', 'PathConflict'],
    ['a file named as the root', craftedZip([file('.')]), 'ArchiveRefused', 'Name'],
    ['a character device', craftedZip([file('null', '', 0o020666)]), 'ArchiveRefused', 'SpecialFile'],
    ['a block device', craftedZip([file('sda', '', 0o060660)]), 'ArchiveRefused', 'SpecialFile'],
    ['a fifo', craftedZip([file('pipe', '', 0o010666)]), 'ArchiveRefused', 'SpecialFile'],
    ['a socket', craftedZip([file('sock', '', 0o140666)]), 'ArchiveRefused', 'SpecialFile'],
    ['an encrypted entry', craftedZip([{ ...file('a', 'secret-secret'), flags: 0x801, declaredBytes: 1 }]), 'ArchiveRefused', 'Encrypted'],
    ['strong encryption', craftedZip([{ ...file('a'), flags: 0x841 }]), 'ArchiveInvalid', 'Damaged'],
    ['bzip2', craftedZip([{ ...file('a'), method: 12 }]), 'ArchiveRefused', 'CompressionMethod'],
    ['two entries on the same bytes', craftedZip([file('a'), { ...file('a'), sameBytesAs: 0 }]), 'ArchiveRefused', 'Overlap'],
  ];

  it.each(cases)('refuses %s', async (_, archive, code, reason) => {
    const { report, reportLine, status, image, strays } = await directory.run(archive);
    expect(report).toEqual(refusal(code, reason));
    expect(status).toBe(1);
    expect(image.length).toBe(0);
    expect(strays).toEqual([]);
    expect(reportLine.length).toBeLessThanOrEqual(maxReportBytes);
  });

  it('stops a bomb after the bytes allowed, whatever was declared', async () => {
    const zeros = Buffer.alloc(64 * 1_048_576);
    const limit = 1_048_576;
    const { report, treePath } = await directory.run(craftedZip([{ name: 'zeros', data: zeros, deflate: true }]), { maxUnpackedBytes: limit });
    expect(report).toEqual(refusal('ArchiveTooLarge', 'UnpackedSize'));
    expect(lstatSync(join(treePath, 'zeros')).size).toBeLessThanOrEqual(limit);
  });

  it('counts all entries together, to the byte', async () => {
    const archive = craftedZip([file('a', 'x'.repeat(600)), file('b', 'x'.repeat(400))]);
    expect((await directory.run(archive, { maxUnpackedBytes: 1_000 })).report).toEqual({ ok: true, unpackedBytes: 1_000, entries: 2 });
    expect((await directory.run(archive, { maxUnpackedBytes: 999 })).report).toEqual(refusal('ArchiveTooLarge', 'UnpackedSize'));
  });

  it('refuses 200,000 entries, and as many directories implied by fewer', async () => {
    const many = Array.from({ length: 200_000 }, (_, index) => ({ name: `${index}` }));
    expect((await directory.run(craftedZip(many, { zip64: true }))).report).toEqual(refusal('ArchiveRefused', 'TooManyEntries'));
    const implied = Array.from({ length: 1_700 }, (_, index) => file(`${`${index}/`.repeat(60)}f`));
    expect((await directory.run(craftedZip(implied))).report).toEqual(refusal('ArchiveRefused', 'TooManyEntries'));
  });

  it('refuses more than 65,535 entries counted modulo 65,536', async () => {
    const many = Array.from({ length: 65_540 }, (_, index) => ({ name: `${index % 3}` }));
    expect((await directory.run(craftedZip(many))).report).toEqual(refusal('ArchiveInvalid', 'Damaged'));
  });

  it('writes nothing where a link points', async () => {
    const outside = mkdtempSync(join(extraction, 'outside-'));
    await directory.run(craftedZip([link('out', outside), file('out/escape')]));
    await directory.run(craftedZip([link('file', join(outside, 'target')), file('file', 'text')]));
    expect(readdirSync(outside)).toEqual([]);
  });

  it('reports unusable arguments as its own failure', async () => {
    const { report } = await directory.run(good, { maxUnpackedBytes: 0 });
    expect(report).toEqual(refusal('BuilderFailed', 'Internal'));
  });
});
