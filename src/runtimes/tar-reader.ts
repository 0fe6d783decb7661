import type { FileHandle } from 'node:fs/promises';
import { CloisterError } from '../errors.ts';

const blockBytes = 512;
const maxHeaderTextBytes = 1024 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** One member of a tar archive; its content is the `sizeBytes` from `offsetBytes` of the archive. */
export interface TarMember {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  readonly mode: number;
  readonly linkTarget: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

interface Overrides {
  path?: string;
  linkpath?: string;
  size?: number;
}

/** Reads the members of an uncompressed tar archive (ustar, GNU and pax forms) in order, without their contents. Damaged archives reject with `ArchiveInvalid`. */
export async function* readTar(archive: FileHandle): AsyncGenerator<TarMember> {
  const archiveBytes = (await archive.stat()).size;
  let overrides: Overrides = {};
  let position = 0;
  while (position + blockBytes <= archiveBytes) {
    const header = await readExactly(archive, position, blockBytes);
    if (header.every((byte) => byte === 0)) return;
    checkSum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const offsetBytes = position + blockBytes;
    const sizeBytes = overrides.size ?? numberAt(header, 124, 12);
    if (offsetBytes + sizeBytes > archiveBytes) throw damaged('a member reaches over the end of the archive');
    position = offsetBytes + Math.ceil(sizeBytes / blockBytes) * blockBytes;
    if ('xgLK'.includes(type)) {
      if (sizeBytes > maxHeaderTextBytes) throw damaged('a header is over 1 MiB');
      const text = await readExactly(archive, offsetBytes, sizeBytes);
      // A global header holds only comments in practice; what it says of paths and sizes is not for one member.
      if (type === 'x') overrides = { ...overrides, ...paxRecords(text) };
      else if (type === 'L') overrides.path = textOf(text);
      else if (type === 'K') overrides.linkpath = textOf(text);
      continue;
    }
    if (type === 'S') throw damaged('sparse members are not supported');
    yield memberOf(header, type, overrides, { offsetBytes, sizeBytes });
    overrides = {};
  }
}

function memberOf(header: Buffer, type: string, overrides: Overrides, place: { offsetBytes: number; sizeBytes: number }): TarMember {
  const ustar = header.toString('latin1', 257, 262) === 'ustar' && header[262] === 0;
  const prefix = ustar ? textOf(header.subarray(345, 500)) : '';
  const name = textOf(header.subarray(0, 100));
  const path = overrides.path ?? (prefix === '' ? name : `${prefix}/${name}`);
  const plain = type === '0' || type === '\0' || type === '7';
  const directory = type === '5' || (plain && path.endsWith('/'));
  const kind = directory ? 'directory' : plain ? 'file' : type === '2' ? 'symlink' : type === '1' ? 'hardlink' : 'other';
  return { path, kind, mode: numberAt(header, 100, 8) & 0o7777, linkTarget: overrides.linkpath ?? textOf(header.subarray(157, 257)), ...place };
}

function paxRecords(text: Buffer): Overrides {
  const found: Overrides = {};
  let position = 0;
  while (position < text.length) {
    const space = text.indexOf(0x20, position);
    const length = space < 0 ? Number.NaN : Number(text.toString('latin1', position, space));
    if (!Number.isSafeInteger(length) || length < 5 || position + length > text.length) throw damaged('a pax record has a wrong length');
    const record = text.subarray(space + 1, position + length - 1);
    const equals = record.indexOf(0x3d);
    const key = record.toString('latin1', 0, Math.max(equals, 0));
    const value = record.subarray(equals + 1);
    if (key === 'path') found.path = textOf(value);
    else if (key === 'linkpath') found.linkpath = textOf(value);
    else if (key === 'size') found.size = sizeOf(Number(value.toString('latin1')));
    else if (key.startsWith('GNU.sparse.')) throw damaged('sparse members are not supported');
    position += length;
  }
  return found;
}

/** Octal text, or GNU's big-endian form for what does not fit. */
function numberAt(header: Buffer, start: number, length: number): number {
  const field = header.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return sizeOf(field.subarray(1).reduce((value, byte) => value * 256 + byte, (field[0] ?? 0) & 0x3f));
  const text = field
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw damaged('a number is not octal');
  return sizeOf(Number.parseInt(text, 8));
}

function sizeOf(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw damaged('a size is out of range');
  return value;
}

function checkSum(header: Buffer): void {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  if (sum !== numberAt(header, 148, 8)) throw damaged('a header has a wrong check sum');
}

function textOf(field: Buffer): string {
  const end = field.indexOf(0);
  try {
    return utf8.decode(end < 0 ? field : field.subarray(0, end));
  } catch {
    throw damaged('a name is not UTF-8');
  }
}

async function readExactly(archive: FileHandle, position: number, sizeBytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(sizeBytes);
  const { bytesRead } = await archive.read(buffer, 0, sizeBytes, position);
  if (bytesRead !== sizeBytes) throw damaged('the archive ends early');
  return buffer;
}

function damaged(why: string): CloisterError {
  return new CloisterError('ArchiveInvalid', `not a sound tar archive: ${why}`, { operation: 'read tar' });
}
