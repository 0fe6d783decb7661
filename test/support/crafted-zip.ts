import { crc32, deflateRawSync } from 'node:zlib';

/** One entry of a hand-made archive, for tests: every header field can lie. */
export interface CraftedEntry {
  readonly name: string | Buffer;
  readonly data?: Buffer;
  /** The whole Unix mode, type bits included. */
  readonly mode?: number;
  readonly deflate?: boolean;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly declaredBytes?: number;
  /** The name in the local header, when it differs. */
  readonly localName?: string;
  /** Points the central header at an earlier entry's bytes instead of writing any. */
  readonly sameBytesAs?: number;
}

export interface CraftedOptions {
  /** The count in the end record, when it differs from the truth. */
  readonly declaredEntries?: number;
  readonly zip64?: boolean;
}

const utf8Flag = 0x800;

const localHeader = (entry: CraftedEntry, name: Buffer, fields: Buffer): Buffer => {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  fields.copy(header, 4);
  const localName = entry.localName === undefined ? name : Buffer.from(entry.localName);
  header.writeUInt16LE(localName.length, 26);
  return Buffer.concat([header, localName]);
};

/** The 22 bytes both headers share: from "version needed" to the uncompressed size. */
const sharedFields = (entry: CraftedEntry, data: Buffer, stored: Buffer): Buffer => {
  const fields = Buffer.alloc(22);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(entry.flags ?? utf8Flag, 2);
  fields.writeUInt16LE(entry.method ?? (entry.deflate === true ? 8 : 0), 4);
  fields.writeUInt32LE(entry.crc ?? crc32(data), 10);
  fields.writeUInt32LE(stored.length, 14);
  fields.writeUInt32LE(entry.declaredBytes ?? data.length, 18);
  return fields;
};

const centralHeader = (entry: CraftedEntry, name: Buffer, fields: Buffer, offset: number): Buffer => {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE((3 << 8) | 20, 4);
  fields.copy(header, 6);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt32LE(((entry.mode ?? 0) << 16) >>> 0, 38);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, name]);
};

const endRecords = (entries: number, centralBytes: number, offset: number, zip64: boolean): Buffer => {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : entries & 0xffff, 8);
  end.writeUInt16LE(zip64 ? 0xffff : entries & 0xffff, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : centralBytes, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  if (!zip64) return end;
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(entries), 24);
  record.writeBigUInt64LE(BigInt(entries), 32);
  record.writeBigUInt64LE(BigInt(centralBytes), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + centralBytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, end]);
};

/** Writes a zip by hand, honest only as far as its entries are. */
export const craftedZip = (entries: readonly CraftedEntry[], options: CraftedOptions = {}): Buffer => {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = typeof entry.name === 'string' ? Buffer.from(entry.name) : entry.name;
    const data = entry.data ?? Buffer.alloc(0);
    const stored = entry.deflate === true ? deflateRawSync(data) : data;
    const fields = sharedFields(entry, data, stored);
    const start = entry.sameBytesAs === undefined ? offset : (offsets[entry.sameBytesAs] ?? offset);
    offsets.push(start);
    centrals.push(centralHeader(entry, name, fields, start));
    if (entry.sameBytesAs !== undefined) continue;
    const local = Buffer.concat([localHeader(entry, name, fields), stored]);
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const declared = options.declaredEntries ?? entries.length;
  return Buffer.concat([...locals, central, endRecords(declared, central.length, offset, options.zip64 ?? false)]);
};
