import { isUtf8 } from 'node:buffer';
import { fstatSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { crc32, inflateRawSync } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, getFileNameLowLevel, type LocalFileHeader, type ZipFile } from 'yauzl';
import { BuildFault } from './build-fault.ts';
import { DescriptorReader } from './descriptor-reader.ts';
import { entryKind } from './entry-kind.ts';
import { parseEntryPath } from './entry-path.ts';
import { maxNodes, TreeWriter } from './tree-writer.ts';

const stored = 0;
const deflated = 8;
const encryptionFlags = 0x2041; // traditional, strong, and encrypted central directory

/** Signatures that may follow the last central header: end of central directory, its zip64 form, digital signature. */
const closingSignatures: ReadonlySet<number> = new Set([0x06054b50, 0x06064b50, 0x05054b50]);

export interface UnpackOptions {
  /** Seekable, read-only. */
  readonly archive: number;
  /** An existing empty directory. */
  readonly treePath: string;
  readonly maxUnpackedBytes: number;
}

export interface Unpacked {
  readonly unpackedBytes: number;
  readonly entries: number;
}

/** Unpacks a zip below `treePath`. Rejects with a BuildFault for every archive that is damaged, ambiguous, hostile or too large. */
export const unpackZip = async ({ archive, treePath, maxUnpackedBytes }: UnpackOptions): Promise<Unpacked> => {
  const sizeBytes = fstatSync(archive).size;
  const zip = await openZip(archive, sizeBytes);
  if (zip.entryCount === 0) throw new BuildFault('Empty');
  if (zip.entryCount > maxNodes) throw new BuildFault('TooManyEntries');
  const tree = new TreeWriter(treePath, maxUnpackedBytes);
  const ranges: Range[] = [{ start: directoryCursor(zip), end: sizeBytes }];
  const entries = zip.eachEntry();
  for (;;) {
    const step = await fromArchive(entries.next());
    if (step.done === true) break;
    ranges.push(await unpackEntry({ archive, zip }, step.value, tree));
  }
  refuseHiddenEntries(archive, directoryCursor(zip));
  refuseOverlaps(ranges);
  tree.finish();
  return { unpackedBytes: tree.bytes, entries: zip.entryCount };
};

const openZip = async (archive: number, sizeBytes: number): Promise<ZipFile> => {
  try {
    const reader = new DescriptorReader(archive, sizeBytes);
    // Names stay bytes here: yauzl's own checks would end in a message, ours end in a reason.
    const zip = await fromRandomAccessReaderPromise(reader, sizeBytes, { autoClose: false, decodeStrings: false });
    zip.on('error', () => undefined); // reported by the iteration; without a listener a late one would end the process
    return zip;
  } catch (error) {
    throw new BuildFault('NotAZip', error);
  }
};

// The type package declares this number as a boolean.
const directoryCursor = (zip: ZipFile): number => Number(zip.readEntryCursor);

/** Failures of what reads the archive are the archive's fault, except those of the system. */
const fromArchive = async <T>(reading: Promise<T>): Promise<T> => {
  try {
    return await reading;
  } catch (error) {
    throw asArchiveFault(error);
  }
};

const asArchiveFault = (error: unknown): BuildFault =>
  error instanceof BuildFault || (error instanceof Error && 'syscall' in error) ? BuildFault.of(error) : new BuildFault('Damaged', error);

interface Source {
  readonly archive: number;
  readonly zip: ZipFile;
}

const unpackEntry = async (source: Source, entry: Entry, tree: TreeWriter): Promise<Range> => {
  const header = await fromArchive(source.zip.readLocalFileHeaderPromise(entry));
  checkHeaders(entry, header);
  const { components, slash } = parseEntryPath(decodeName(entry));
  const { kind, mode } = entryKind(entry.externalFileAttributes, slash);
  if (kind === 'directory') {
    if (entry.uncompressedSize !== 0) throw new BuildFault('Damaged');
    tree.directory(components, mode);
  } else {
    const chunks = contents(source, entry, header.fileDataStart);
    if (kind === 'file') await tree.file(components, mode, chunks);
    else await tree.link(components, chunks);
  }
  return { start: entry.relativeOffsetOfLocalHeader, end: header.fileDataStart + entry.compressedSize };
};

const utf8Flag = 0x800;

/** Names without the UTF-8 flag are code page 437 by the standard, but UTF-8 by what Linux's zip writes: it is that wherever it can be. */
const decodeName = ({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry): string =>
  getFileNameLowLevel(isUtf8(fileNameRaw) ? generalPurposeBitFlag | utf8Flag : generalPurposeBitFlag, fileNameRaw, extraFields, true);

/** Programs differ in which of the two headers they believe: an archive that says two things is refused. */
const checkHeaders = (entry: Entry, header: LocalFileHeader): void => {
  if (((entry.generalPurposeBitFlag | header.generalPurposeBitFlag) & encryptionFlags) !== 0) throw new BuildFault('Encrypted');
  if (!entry.fileNameRaw.equals(header.fileName) || entry.compressionMethod !== header.compressionMethod) throw new BuildFault('Damaged');
  if (entry.compressionMethod !== stored && entry.compressionMethod !== deflated) throw new BuildFault('CompressionMethod');
};

/** An entry's bytes, checked against size and CRC-32 of the central directory. */
async function* contents(source: Source, entry: Entry, fileDataStart: number): AsyncIterable<Buffer> {
  let checksum = 0;
  try {
    const small = entry.compressedSize <= maxSmallBytes;
    const chunks = small ? [inflateSmall(source.archive, entry, fileDataStart)] : await openContents(source.zip, entry, fileDataStart);
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
  } catch (error) {
    throw asArchiveFault(error);
  }
  if (checksum !== entry.crc32) throw new BuildFault('Damaged');
}

// A stream costs a quarter of a millisecond, and most entries are smaller than one chunk of it. Deflate gives at most 1,032 bytes for one.
const maxSmallBytes = 65_536;

const inflateSmall = (archive: number, entry: Entry, fileDataStart: number): Buffer => {
  const raw = Buffer.alloc(entry.compressedSize);
  if (readSync(archive, raw, 0, raw.length, fileDataStart) !== raw.length) throw new BuildFault('Damaged');
  const data = entry.compressionMethod === stored ? raw : inflateRawSync(raw, { maxOutputLength: Math.max(1, entry.uncompressedSize) });
  if (data.length !== entry.uncompressedSize) throw new BuildFault('Damaged');
  return data;
};

// yauzl 3.4's own promise form of this method calls another method.
const openContents = (zip: ZipFile, entry: Entry, fileDataStart: number): Promise<Readable> =>
  new Promise((resolve, reject) => {
    const { compressedSize, uncompressedSize, compressionMethod } = entry;
    const settle = (error: Error | null, stream: Readable): void => {
      if (error !== null) {
        reject(error);
        return;
      }
      stream.on('error', () => undefined); // the reader sees the first; a second one, after its end, would end the process
      resolve(stream);
    };
    zip.openReadStreamLowLevel(fileDataStart, compressedSize, 0, compressedSize, compressionMethod === deflated, uncompressedSize, settle);
  });

/** A count smaller than the truth would hide entries from us that another program sees. */
const refuseHiddenEntries = (archive: number, position: number): void => {
  const signature = Buffer.alloc(4);
  readSync(archive, signature, 0, 4, position);
  if (!closingSignatures.has(signature.readUInt32LE())) throw new BuildFault('Damaged');
};

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Entries that share bytes are how a small archive holds a large one without nesting. */
const refuseOverlaps = (ranges: readonly Range[]): void => {
  let end = 0;
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    if (range.start < end) throw new BuildFault('Overlap');
    end = range.end;
  }
};
