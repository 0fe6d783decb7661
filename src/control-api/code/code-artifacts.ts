import { hash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { HostAgent } from '../../agent/host-agent.ts';
import { CloisterError } from '../../errors.ts';
import type { CodeArtifact } from '../../functions/function-record.ts';
import type { ArchiveStore } from '../stores/archive-store.ts';
import type { Artifact, ArtifactLedger } from '../stores/artifact-ledger.ts';

const retryAfterMs = 30_000;

export interface CodeArtifactsOptions {
  readonly agent: Pick<HostAgent, 'buildImage' | 'dropImage'>;
  readonly archives: ArchiveStore;
  readonly ledger: ArtifactLedger;
  /** Whether an invocation on its way may still have to mount an image. */
  readonly needsImage: (image: { readonly accountId: string; readonly digest: string }) => boolean;
  readonly logError: (error: unknown) => void;
}

/** One account's gate: builds run beside each other, a sweep runs alone. */
interface Gate {
  builds: number;
  sweeping: Promise<void> | undefined;
  sweepWanted: boolean;
  /** Something was built since the last sweep. */
  made: boolean;
}

/**
 * Makes the archive and image of uploaded code, and drops those that nothing refers to.
 * ORDER: a sweep never overlaps a build of the same account. Bytes that were just deleted may be uploaded again at that moment; the build
 * would find the old image, and the sweep then take it away.
 */
export class CodeArtifacts {
  readonly #options: CodeArtifactsOptions;
  readonly #gates = new Map<string, Gate>();
  readonly #retries = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(options: CodeArtifactsOptions) {
    this.#options = options;
  }

  /** Builds `archive` and hands the result to `store`, which must make a stored version refer to it. */
  build<T>(
    upload: { readonly accountId: string; readonly archive: Uint8Array; readonly maxUnpackedBytes: number },
    store: (code: CodeArtifact) => Promise<T>,
  ): Promise<T> {
    return this.hold(upload.accountId, async () => store(await this.#make(upload)));
  }

  /**
   * Makes the account an image of its own of another account's archive, and answers what build() would say of it; undefined when the archive is gone.
   * SECURITY: built again, never copied or linked: no file, and so no page of memory, is common to two accounts (docs/walls/shared.md).
   * ORDER: inside hold(), until a stored version refers to the image.
   */
  async adopt(owned: { readonly accountId: string; readonly code: CodeArtifact }, accountId: string): Promise<CodeArtifact | undefined> {
    const { agent, archives, ledger } = this.#options;
    const { code } = owned;
    const found = await archives.open(owned.accountId, code.archiveDigest);
    if (found === undefined) return undefined;
    const archive = await buffer(found.stream);
    this.#gate(accountId).made = true;
    const image = await agent.buildImage(archive, { accountId, maxUnpackedBytes: Math.max(1, code.unpackedBytes) });
    await ledger.record({ accountId, kind: 'image', digest: image.digest });
    return { ...code, imageDigest: image.digest, unpackedBytes: image.unpackedBytes };
  }

  /** Keeps the account's sweeps away while `work` makes images and stores what refers to them. */
  async hold<T>(accountId: string, work: () => Promise<T>): Promise<T> {
    const gate = this.#gate(accountId);
    while (gate.sweeping !== undefined) await gate.sweeping;
    gate.builds += 1;
    try {
      return await work();
    } catch (error) {
      // Most errors are refusals, of which nothing is left.
      gate.sweepWanted ||= gate.made;
      throw error;
    } finally {
      gate.builds -= 1;
      if (gate.builds === 0 && gate.sweepWanted) this.sweep(accountId);
    }
  }

  /** Drops what the account does not need any more, once its builds are done; what is in use is tried again later. */
  sweep(accountId: string): void {
    const gate = this.#gate(accountId);
    gate.sweepWanted = true;
    if (this.#closed || gate.builds > 0 || gate.sweeping !== undefined) return;
    gate.sweepWanted = false;
    gate.made = false;
    gate.sweeping = this.#dropUnreferenced(accountId)
      .catch((error: unknown) => {
        this.#options.logError(error);
        this.#retryLater(accountId);
      })
      .finally(() => {
        gate.sweeping = undefined;
        if (gate.sweepWanted) this.sweep(accountId);
      });
  }

  /** Sweeps every account: what an earlier process left between making a file and referring to it. */
  async sweepAll(): Promise<void> {
    for (const accountId of await this.#options.ledger.accountsWithArtifacts()) this.sweep(accountId);
  }

  /** Ends retries and waits for sweeps that run. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#retries.values()) clearTimeout(timer);
    this.#retries.clear();
    for (const gate of this.#gates.values()) await gate.sweeping;
  }

  async #make({ accountId, archive, maxUnpackedBytes }: { accountId: string; archive: Uint8Array; maxUnpackedBytes: number }): Promise<CodeArtifact> {
    const { agent, archives, ledger } = this.#options;
    const archiveDigest = hash('sha256', archive);
    // No sweep runs now: what a version refers to here stays until the new one does.
    const known = await ledger.findImage({ accountId, archiveDigest });
    if (known !== undefined && known.unpackedBytes <= maxUnpackedBytes) return { archiveDigest, archiveBytes: archive.byteLength, ...known };
    this.#gate(accountId).made = true;
    const image = await agent.buildImage(archive, { accountId, maxUnpackedBytes });
    await ledger.record({ accountId, kind: 'image', digest: image.digest });
    // ORDER: recorded before it is made, so that a crash in between leaves nothing unknown.
    await ledger.record({ accountId, kind: 'archive', digest: archiveDigest });
    await archives.put(accountId, archiveDigest, archive);
    return { archiveDigest, archiveBytes: archive.byteLength, imageDigest: image.digest, unpackedBytes: image.unpackedBytes };
  }

  async #dropUnreferenced(accountId: string): Promise<void> {
    let kept = false;
    for (const artifact of await this.#options.ledger.listUnreferenced(accountId)) {
      if (await this.#drop(artifact)) await this.#options.ledger.forget(artifact);
      else kept = true;
    }
    if (kept) this.#retryLater(accountId);
  }

  /** False when an environment still uses it, or is to be made of it. */
  async #drop({ accountId, kind, digest }: Artifact): Promise<boolean> {
    const { agent, archives, needsImage } = this.#options;
    if (kind === 'archive') {
      await archives.remove(accountId, digest);
      return true;
    }
    if (needsImage({ accountId, digest })) return false;
    try {
      await agent.dropImage({ accountId, digest });
      return true;
    } catch (error) {
      if (!(error instanceof CloisterError)) throw error;
      if (error.code === 'NotFound') return true;
      if (error.code === 'Conflict') return false;
      throw error;
    }
  }

  #retryLater(accountId: string): void {
    if (this.#closed || this.#retries.has(accountId)) return;
    const timer = setTimeout(() => {
      this.#retries.delete(accountId);
      this.sweep(accountId);
    }, retryAfterMs);
    timer.unref();
    this.#retries.set(accountId, timer);
  }

  #gate(accountId: string): Gate {
    const known = this.#gates.get(accountId);
    if (known !== undefined) return known;
    const gate: Gate = { builds: 0, sweeping: undefined, sweepWanted: false, made: false };
    this.#gates.set(accountId, gate);
    return gate;
  }
}
