import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { z } from 'zod';
import { CloisterError } from '../errors.ts';
import { applyLayer } from './apply-layer.ts';
import { RootTree } from './root-tree.ts';
import type { Architecture } from './source-lock.ts';
import { readTar, type TarMember } from './tar-reader.ts';

const maxUnpackedBytes = 10 * 1024 ** 3;
const maxDocumentBytes = 8 * 1024 * 1024;
const maxNestedIndexes = 4;
const operation = 'read OCI archive';

const descriptor = z.object({
  mediaType: z.string().optional(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  platform: z.object({ architecture: z.string(), os: z.string() }).optional(),
});
type Descriptor = z.infer<typeof descriptor>;
const index = z.object({ manifests: z.array(descriptor).min(1) });
const manifest = z.object({ config: descriptor, layers: z.array(descriptor).min(1) });
const configuration = z.object({ config: z.object({ Env: z.array(z.string()).nullish() }).nullish() });

export interface OciImage {
  readonly tree: RootTree;
  /** Digest of the image's manifest, as hexadecimal digits. */
  readonly digest: string;
  /** The image's own environment variables. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Reads an OCI image archive (a tar of an image layout) and puts its layers together. `scratch` takes the unpacked layers and must outlive the tree. */
export async function readOciArchive(archivePath: string, options: { scratch: string; architecture: Architecture }): Promise<OciImage> {
  await using archive = await open(archivePath, 'r');
  const blobs = new Blobs(archivePath, archive, await membersByPath(archive));
  const chosen = await blobs.chooseManifest(options.architecture);
  const image = manifest.parse(await blobs.json(chosen));
  const tree = new RootTree();
  let unpackedBytes = 0;
  for (const [position, layer] of image.layers.entries()) {
    const path = join(options.scratch, `layer-${position}.tar`);
    unpackedBytes += await blobs.unpack(layer, path, maxUnpackedBytes - unpackedBytes);
    await using file = await open(path, 'r');
    await applyLayer(tree, { path, file });
  }
  const { config } = configuration.parse(await blobs.json(image.config));
  return { tree, digest: chosen.digest.slice('sha256:'.length), variables: variablesOf(config?.Env ?? []) };
}

class Blobs {
  readonly #archivePath: string;
  readonly #archive: FileHandle;
  readonly #members: ReadonlyMap<string, TarMember>;

  constructor(archivePath: string, archive: FileHandle, members: ReadonlyMap<string, TarMember>) {
    this.#archivePath = archivePath;
    this.#archive = archive;
    this.#members = members;
  }

  /** The manifest for this machine, through indexes within the index. */
  async chooseManifest(architecture: Architecture): Promise<Descriptor> {
    let document = index.parse(await this.#document('index.json'));
    for (let depth = 0; depth < maxNestedIndexes; depth += 1) {
      const wanted = { os: 'linux', architecture: architecture === 'x64' ? 'amd64' : 'arm64' };
      const fits = ({ platform }: Descriptor): boolean =>
        platform === undefined || (platform.os === wanted.os && platform.architecture === wanted.architecture);
      const chosen = document.manifests.find(fits);
      if (chosen === undefined)
        throw new CloisterError('ArchiveRefused', `the archive has no image for ${wanted.os} on ${wanted.architecture}`, { operation });
      const content = await this.json(chosen);
      const nested = index.safeParse(content);
      if (!nested.success) return chosen;
      document = nested.data;
    }
    throw new CloisterError('ArchiveInvalid', 'the archive nests its indexes too deeply', { operation });
  }

  async json(blob: Descriptor): Promise<unknown> {
    return this.#document(blobPath(blob), blob.digest);
  }

  /** Writes a layer uncompressed to `path`; answers its size. Its digest is checked on the way. */
  async unpack(blob: Descriptor, path: string, limitBytes: number): Promise<number> {
    const { offsetBytes, sizeBytes } = this.#member(blobPath(blob));
    if (sizeBytes === 0) throw new CloisterError('ArchiveInvalid', 'a layer is empty', { operation });
    const magic = Buffer.alloc(4);
    await this.#archive.read(magic, 0, Math.min(4, sizeBytes), offsetBytes);
    const hash = createHash('sha256');
    const hashed = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    let writtenBytes = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        writtenBytes += chunk.length;
        if (writtenBytes > limitBytes) done(new CloisterError('ArchiveTooLarge', 'the image is over 10 GiB unpacked', { operation }));
        else done(null, chunk);
      },
    });
    const source = createReadStream(this.#archivePath, { start: offsetBytes, end: offsetBytes + sizeBytes - 1 });
    await pipeline([source, hashed, ...decompressor(magic), counted, createWriteStream(path, { flags: 'wx', mode: 0o600 })]);
    // What follows the end of the compressed stream was not read, and then the digest does not fit either.
    checkDigest(`sha256:${hash.digest('hex')}`, blob.digest);
    return writtenBytes;
  }

  async #document(path: string, digest?: string): Promise<unknown> {
    const { offsetBytes, sizeBytes } = this.#member(path);
    if (sizeBytes > maxDocumentBytes) throw new CloisterError('ArchiveTooLarge', `${path} is over 8 MiB`, { operation });
    const bytes = Buffer.alloc(sizeBytes);
    await this.#archive.read(bytes, 0, sizeBytes, offsetBytes);
    if (digest !== undefined) checkDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, digest);
    try {
      return JSON.parse(bytes.toString('utf8'));
    } catch (cause) {
      throw new CloisterError('ArchiveInvalid', `${path} is not JSON`, { operation, cause });
    }
  }

  #member(path: string): TarMember {
    const member = this.#members.get(path);
    if (member === undefined)
      throw new CloisterError('ArchiveInvalid', `the archive holds no ${path}: not an OCI image layout, or cut short`, { operation });
    return member;
  }
}

async function membersByPath(archive: FileHandle): Promise<ReadonlyMap<string, TarMember>> {
  const members = new Map<string, TarMember>();
  for await (const member of readTar(archive)) if (member.kind === 'file') members.set(member.path.replace(/^\.\//, ''), member);
  return members;
}

function blobPath(blob: Descriptor): string {
  return `blobs/${blob.digest.replace(':', '/')}`;
}

/** By the first bytes rather than by the media type, which some tools get wrong. */
function decompressor(magic: Buffer): NodeJS.ReadWriteStream[] {
  if (magic.readUInt16BE(0) === 0x1f8b) return [createGunzip()];
  if (magic.readUInt32LE(0) === 0xfd2fb528) return [createZstdDecompress()];
  return [];
}

function checkDigest(actual: string, expected: string): void {
  if (actual !== expected) throw new CloisterError('ArchiveInvalid', `a blob's digest is ${actual}, expected ${expected}`, { operation });
}

function variablesOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines.map((line) => /^([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)$/s.exec(line)).filter((match) => match !== null);
  return Object.fromEntries(pairs.map(([, name, value]) => [name ?? '', value ?? '']));
}
