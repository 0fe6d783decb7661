import { chmodSync, closeSync, constants, fchmodSync, lstatSync, mkdirSync, openSync, symlinkSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BuildFault } from './build-fault.ts';
import { defaultDirectoryMode } from './entry-kind.ts';

/** Files, links and directories of one tree, those that names imply included. */
export const maxNodes = 100_000;
const maxLinkTargetBytes = 4_095;

/** Writes entries below one directory and nowhere else, and counts what it writes. */
export class TreeWriter {
  readonly #root: string;
  readonly #maxBytes: number;
  /** Every directory made here, with the mode it gets in the end: while unpacking all are 0700, so that each can be written into. */
  readonly #directories = new Map<string, number>();
  #bytes = 0;
  #nodes = 0;

  /** @param root an existing empty directory that nobody else writes to */
  constructor(root: string, maxBytes: number) {
    this.#root = root;
    this.#maxBytes = maxBytes;
    this.#directories.set(root, defaultDirectoryMode);
  }

  get bytes(): number {
    return this.#bytes;
  }

  directory(components: readonly string[], mode: number): void {
    this.#directories.set(this.#ensureDirectory(components), mode);
  }

  /** Writes chunks as they come: a bomb ends here after `maxBytes` real bytes, whatever its headers said. */
  async file(components: readonly string[], mode: number, chunks: AsyncIterable<Buffer>): Promise<void> {
    const path = this.#freePath(components);
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      for await (const chunk of chunks) {
        this.#count(chunk.length);
        for (let written = 0; written < chunk.length; ) written += writeSync(descriptor, chunk, written);
      }
      fchmodSync(descriptor, mode);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Keeps the target as it is: nothing here follows it, and inside an environment it can only mean something of the environment's. */
  async link(components: readonly string[], chunks: AsyncIterable<Buffer>): Promise<void> {
    const parts: Buffer[] = [];
    let length = 0;
    for await (const chunk of chunks) {
      this.#count(chunk.length);
      length += chunk.length;
      if (length > maxLinkTargetBytes) throw new BuildFault('LinkTarget');
      parts.push(chunk);
    }
    const target = Buffer.concat(parts);
    if (length === 0 || target.includes(0)) throw new BuildFault('LinkTarget');
    symlinkSync(target, this.#freePath(components));
  }

  /** Gives directories their modes. Nothing can be written afterwards. */
  finish(): void {
    for (const [path, mode] of this.#directories) chmodSync(path, mode);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) throw new BuildFault('UnpackedSize');
  }

  #countNode(): void {
    this.#nodes += 1;
    if (this.#nodes > maxNodes) throw new BuildFault('TooManyEntries');
  }

  /** SECURITY: steps only on directories made by this object; whatever else is at a parent's place (a link above all) ends the build. */
  #ensureDirectory(components: readonly string[]): string {
    let path = this.#root;
    for (const component of components) {
      path = join(path, component);
      if (this.#directories.has(path)) continue;
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found?.isSymbolicLink()) throw new BuildFault('ThroughLink');
      if (found !== undefined) throw new BuildFault('PathConflict');
      this.#countNode();
      mkdirSync(path, 0o700);
      this.#directories.set(path, defaultDirectoryMode);
    }
    return path;
  }

  /** The last entry of a name wins, as with unzip; but a directory never gives way, or its files would go with it. */
  #freePath(components: readonly string[]): string {
    const name = components.at(-1);
    if (name === undefined) throw new BuildFault('Name');
    const path = join(this.#ensureDirectory(components.slice(0, -1)), name);
    if (this.#directories.has(path)) throw new BuildFault('PathConflict');
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) this.#countNode();
    else unlinkSync(path);
    return path;
  }
}
