import { EventEmitter, once } from 'node:events';
import { readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { zip } from '../../bench/zip.ts';
import type { FreezerWords } from '../../src/agent/messages.ts';
import { closeAll } from '../../src/linux/descriptor.ts';
import type { RawDaemon } from './raw-daemon.ts';

/** Builds the image of these files, each executable, through the agent; answers its digest. */
export async function buildImage(daemon: RawDaemon, accountId: string, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  return buildImageOf(daemon, accountId, await zip(files));
}

export async function buildImageOf(daemon: RawDaemon, accountId: string, archive: Buffer): Promise<string> {
  const { result } = await daemon.request('openUpload', { sizeBytes: archive.length });
  const fd = daemon.takeDescriptor();
  writeSync(fd, archive);
  closeAll(fd);
  const { uploadId } = result as { uploadId: string };
  const built = await daemon.request('buildImage', { uploadId, accountId, maxUnpackedBytes: 10_000_000 });
  await daemon.request('dropUpload', { uploadId });
  if (!built.ok) throw new Error(`no image: ${built.code}`);
  return (built.result as { digest: string }).digest;
}

/** The ends of a claimed environment, received. */
export class Claimed implements Disposable {
  readonly environmentId: string;
  readonly slotId: string;
  readonly #outputs: readonly Socket[];
  readonly #heard = new EventEmitter();
  readonly #others: readonly number[];
  readonly #memoryPeak: number;
  readonly freezer: number;
  readonly freezerWords: FreezerWords;
  /** Of the runtime, and of extensions. */
  output = '';

  constructor(environmentId: string, slotId: string, freezerWords: FreezerWords, descriptors: readonly number[]) {
    const [runtimeApi = -1, stdout = -1, stderr = -1, extensionOutput = -1, memoryPeak = -1, freezer = -1] = descriptors;
    this.environmentId = environmentId;
    this.slotId = slotId;
    this.#outputs = [stdout, extensionOutput].map((fd) => new Socket({ fd, readable: true, writable: false }));
    for (const output of this.#outputs) {
      output.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        this.#heard.emit('output');
      });
    }
    this.#memoryPeak = memoryPeak;
    this.freezer = freezer;
    this.freezerWords = freezerWords;
    this.#others = [runtimeApi, stderr, memoryPeak, freezer];
  }

  memoryPeakBytes(): number {
    const bytes = Buffer.alloc(32);
    return Number(bytes.toString('latin1', 0, readSync(this.#memoryPeak, bytes, 0, 32, 0)));
  }

  /** One write of the agent's word, as the daemon does it. */
  write(word: 'frozen' | 'thawed'): void {
    writeSync(this.freezer, this.freezerWords[word]);
  }

  /** Resolves when the output holds the text. */
  async said(text: string): Promise<void> {
    while (!this.output.includes(text)) await once(this.#heard, 'output');
  }

  [Symbol.dispose](): void {
    for (const output of this.#outputs) output.destroy();
    closeAll(...this.#others);
  }
}

/** openSlot, prepare and claim of a function of the custom runtime. */
export async function claimEnvironment(
  daemon: RawDaemon,
  options: {
    readonly accountId: string;
    readonly codeDigest: string;
    readonly memorySizeMiB?: number;
    readonly layers?: readonly string[];
    /** @default 'provided.al2023' */
    readonly runtime?: string;
  },
): Promise<Claimed> {
  const { accountId, codeDigest, memorySizeMiB = 256, layers = [], runtime = 'provided.al2023' } = options;
  const slot = await daemon.request('openSlot', { driver: 'oci', tmpSizeMiB: 512 });
  const { slotId } = slot.result as { slotId: string };
  const prepared = await daemon.request('prepare', { slotId, runtime, memorySizeMiB, accountId });
  const { environmentId } = prepared.result as { environmentId: string };
  const owner = { accountId, functionName: 'contract', version: '$LATEST' };
  const claimed = await daemon.request('claim', { environmentId, owner, codeDigest, layers: layers.map((digest) => ({ accountId, digest })) });
  if (!claimed.ok) throw new Error(`not claimed: ${claimed.code}`);
  const take = () => daemon.takeDescriptor();
  const { freezerWords } = claimed.result as { freezerWords: FreezerWords };
  return new Claimed(environmentId, slotId, freezerWords, Array.from({ length: 6 }, take));
}
